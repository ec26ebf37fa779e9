package outside

import (
	"strconv"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// stranger is a client of another make, and why the server refuses it.
type stranger struct {
	name string
	// args are openssl's, beside the address.
	args   func(*fixture) []string
	reason string
}

// presenting is the arguments of a client that is fine but for what more says of it:
// openssl heeds the last of two arguments of one name.
func presenting(files certtest.Files, more ...string) []string {
	return append([]string{"-cert", files.Cert, "-key", files.Key, "-cert_chain", files.Cert, "-alpn", "h2"}, more...)
}

// issued is a client whose certificate differs from a good one in what spoil does.
func (f *fixture) issued(spoil func(*certtest.Leaf)) certtest.Files {
	f.t.Helper()
	leaf := certtest.Client()
	spoil(&leaf)
	return f.files(f.ca.Issue(f.t, leaf))
}

var strangers = []stranger{
	{"without a certificate", func(*fixture) []string { return []string{"-alpn", "h2"} }, "no_certificate"},
	{"of another CA", func(f *fixture) []string { return presenting(f.ofAnotherCA()) }, "unknown_ca"},
	{"that leaves out its intermediate", func(f *fixture) []string {
		pair := f.ca.Intermediate(f.t, "intermediate").Issue(f.t, certtest.Client())
		pair.Chain = pair.Chain[:1]
		return presenting(f.files(pair))
	}, "unknown_ca"},
	{"whose certificate ended", func(f *fixture) []string { return presenting(f.issued(ended)) }, "expired"},
	{"whose certificate has not begun", func(f *fixture) []string {
		return presenting(f.issued(func(l *certtest.Leaf) { l.NotBefore = time.Now().Add(time.Hour) }))
	}, "not_yet_valid"},
	{"with a server's certificate", func(f *fixture) []string {
		return presenting(f.files(f.ca.Issue(f.t, certtest.Server())))
	}, "wrong_usage"},
	{"whose issuer may not issue for its name", func(f *fixture) []string {
		return presenting(f.files(f.ca.Constrained(f.t, "constrained", "elsewhere.example").Issue(f.t, certtest.Client())))
	}, "name_constraints"},
	{"that speaks TLS 1.2 at most", with("-tls1_2"), "protocol_version"},
	{"without ALPN", func(f *fixture) []string {
		files := f.client()
		return []string{"-cert", files.Cert, "-key", files.Key}
	}, "no_alpn"},
	{"that speaks HTTP/1.1 by ALPN", with("-alpn", "http/1.1"), "no_alpn"},
	{"that knows no group of ours", with("-groups", "X448"), "no_shared_parameters"},
	{"that knows no cipher suite of ours", with("-ciphersuites", "TLS_AES_128_CCM_SHA256"), "no_shared_parameters"},
	{"that knows no signature algorithm of our key", with("-sigalgs", "RSA-PSS+SHA256"), "no_shared_parameters"},
	{"that does not trust our CA", func(f *fixture) []string {
		return presenting(f.client(), "-verify_return_error", "-CAfile", f.strangersCA())
	}, "peer_alert_unknown_ca"},
	{"by whose clock our certificate has ended", func(f *fixture) []string {
		files := f.client()
		inAMonth := strconv.FormatInt(time.Now().AddDate(0, 1, 0).Unix(), 10)
		return presenting(files, "-verify_return_error", "-CAfile", files.CA, "-attime", inAMonth)
	}, "peer_alert_expired"},
	{"that demands another name of us", func(f *fixture) []string {
		files := f.client()
		return presenting(files, "-verify_return_error", "-CAfile", files.CA, "-verify_hostname", "elsewhere.example")
	}, "peer_alert_other"},
}

// with is a client whom those arguments spoil.
func with(more ...string) func(*fixture) []string {
	return func(f *fixture) []string { return presenting(f.client(), more...) }
}

// ended makes a certificate one of the past.
func ended(l *certtest.Leaf) { l.NotAfter = time.Now().Add(-time.Minute) }

// ofAnotherCA are credentials that would be fine, had the channel's CA issued them.
func (f *fixture) ofAnotherCA() certtest.Files {
	f.t.Helper()
	return f.files(certtest.NewCA(f.t, "other").Issue(f.t, certtest.Client()))
}

func TestAnOpenSSLThatIsNotOursIsRefusedForItsReason(t *testing.T) {
	for _, s := range strangers {
		t.Run("a client "+s.name, func(t *testing.T) {
			f := newFixture(t, certtest.ECDSA)
			openssl(t, f.XDS, f.refused, s.args(f)...)
			f.wantRefusedOnce(s.reason)
		})
	}
}
