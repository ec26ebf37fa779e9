package outside

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// wantWelcome has openssl connect with those credentials, and holds both ends to
// TLS 1.3 and HTTP/2.
func (f *fixture) wantWelcome(files certtest.Files) {
	f.t.Helper()
	before, err := f.Metric(handshakes, "result", "success")
	if err != nil {
		f.t.Fatal(err)
	}
	out := openssl(f.t, f.XDS, f.counted(before+1, "success"),
		presenting(files, "-CAfile", files.CA, "-verify_return_error", "-verify_hostname", certtest.ServerName)...)
	for _, want := range []string{"New, TLSv1.3", "ALPN protocol: h2", "Verification: OK", "Verified peername: " + certtest.ServerName} {
		if !strings.Contains(out, want) {
			f.t.Errorf("openssl does not say %q:\n%s", want, printable(out))
		}
	}
}

func TestAnOpenSSLOfOursIsWelcome(t *testing.T) {
	f := newFixture(t, certtest.ECDSA)
	f.wantWelcome(f.client())
	f.WantMetric(1, handshakes, "result", "success")
	f.WantMetric(0, handshakes, "result", "failure")
	f.WantMetric(1, "contour_xds_tls_versions_total", "version", "TLS 1.3")
	f.WantConnections(0)
}

func TestAGroupOfEachKindIsAgreedOn(t *testing.T) {
	for openssls, ours := range map[string]string{"X25519": "x25519", "P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"} {
		t.Run(openssls, func(t *testing.T) {
			f := newFixture(t, certtest.ECDSA)
			openssl(t, f.XDS, f.counted(1, "success"), presenting(f.client(), "-groups", openssls)...)
			f.WantMetric(1, "contour_xds_tls_key_exchanges_total", "group", ours)
		})
	}
}

// TestNoSessionIsResumed has openssl save what it could resume of a connection. It
// stays until the server speaks HTTP/2, before which any ticket would have come.
func TestNoSessionIsResumed(t *testing.T) {
	f := newFixture(t, certtest.ECDSA)
	session := filepath.Join(t.TempDir(), "session.pem")
	const settings = "\x04\x00\x00\x00\x00\x00" // the end of a frame's header, RFC 9113 section 6.5
	openssl(t, f.XDS, printed(settings), presenting(f.client(), "-sess_out", session)...)
	if _, err := os.Stat(session); !os.IsNotExist(err) {
		t.Errorf("openssl got a session to save: %v", err)
	}
	f.WantMetric(1, handshakes, "result", "success")
}

// TestAServerWithTicketsIsSeenToResume has openssl save what contour withholds,
// lest the test above look for what never comes.
func TestAServerWithTicketsIsSeenToResume(t *testing.T) {
	address := startGo(t, &tls.Config{MinVersion: tls.VersionTLS13})
	session := filepath.Join(t.TempDir(), "session.pem")
	openssl(t, address, func(string) error {
		_, err := os.Stat(session)
		return err
	}, "-sess_out", session)
	openssl(t, address, printed("Reused, TLSv1.3"), "-sess_in", session)
}

// printed is a condition: that openssl has printed that.
func printed(want string) func(string) error {
	return func(out string) error {
		if !strings.Contains(out, want) {
			return fmt.Errorf("it has not printed %q", want)
		}
		return nil
	}
}
