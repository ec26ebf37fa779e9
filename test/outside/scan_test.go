package outside

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/certtest"
)

func TestSSLyzeFindsNothing(t *testing.T) {
	for name, key := range map[string]certtest.KeyType{
		"ECDSA on P-256": certtest.ECDSA, "Ed25519": certtest.Ed25519, "RSA of 2048 bits": certtest.RSA,
	} {
		t.Run("a server's key of "+name, func(t *testing.T) {
			f := newFixture(t, key)
			wantFindings(t, nil, strangersFindings, scan(t, f.XDS, "--tlsv1_3"))
			f.wantTurnedAwayForNoCertificate()
			wantFindings(t, nil, clientsFindings, f.scanAsClient())
			// And it is up after all of that, for those that it is for.
			f.wantWelcome(f.client())
		})
	}
}

// wantTurnedAwayForNoCertificate holds the server to having ended the handshakes of
// a scan for that reason. sslyze offers no ALPN, is turned away for that in any case,
// and takes any end of the connection for a demand of a certificate.
func (f *fixture) wantTurnedAwayForNoCertificate() {
	f.t.Helper()
	if n, err := f.Metric(failures, "reason", "no_certificate"); err != nil || n == 0 {
		f.t.Errorf("%v handshakes ended for want of a certificate, %v", n, err)
	}
	if n, err := f.Metric(failures, "reason", "no_alpn"); err != nil || n != 0 {
		f.t.Errorf("%v handshakes came as far as ALPN without a certificate, %v", n, err)
	}
}

func (f *fixture) scanAsClient() []byte {
	f.t.Helper()
	files := f.client()
	return scan(f.t, f.XDS, append(slices.Clone(checks), "--cert", files.Cert, "--key", files.Key, "--certinfo_ca_file", files.CA)...)
}

func wantFindings(t *testing.T, want []string, judge func([]byte) ([]string, error), report []byte) {
	t.Helper()
	got, err := judge(report)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (- wanted, + found):\n%s", diff)
	}
}
