package certgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certgen"
)

// openssl runs the tool, and returns what it prints and whether it was content.
func openssl(t *testing.T, args ...string) (printed string, ok bool) {
	t.Helper()
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if _, missing := err.(*exec.Error); missing { //nolint:errorlint // it is not wrapped
		t.Fatalf("running openssl: %v", err)
	}
	return string(out), err == nil
}

// written writes a PEM file into a folder of the test.
func written(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var kinds = []certgen.KeyKind{certgen.ECDSA, certgen.Ed25519, certgen.RSA}

// TestOpenSSLFindsEachLeafGoodForItsOwnSideAlone asks a verifier that others wrote,
// at its strictest.
func TestOpenSSLFindsEachLeafGoodForItsOwnSideAlone(t *testing.T) {
	for _, kind := range kinds {
		ca := authority(t, certgen.AuthorityConfig{Key: kind})
		bundle := written(t, ca.CertPEM())
		for usage, purposes := range map[certgen.Usage][2]string{
			certgen.ServerAuth: {"sslserver", "sslclient"}, certgen.ClientAuth: {"sslclient", "sslserver"},
		} {
			t.Run(string(kind)+" for "+usage.String(), func(t *testing.T) {
				issued := issue(t, ca, certgen.Leaf{Name: "leaf", Usage: usage, Names: names(t, "DNS:contour", "IP:127.0.0.1"), Key: kind})
				leaf := written(t, issued.CertPEM())
				verify := []string{"verify", "-x509_strict", "-CAfile", bundle, "-verify_hostname", "contour", "-verify_ip", "127.0.0.1", "-purpose"}
				if out, ok := openssl(t, append(verify, purposes[0], leaf)...); !ok {
					t.Errorf("openssl refuses it for %s: %s", purposes[0], out)
				}
				if out, ok := openssl(t, append(verify, purposes[1], leaf)...); ok {
					t.Errorf("openssl takes it for %s as well: %s", purposes[1], out)
				}
				wantOpenSSLReadsTheKey(t, issued, leaf)
			})
		}
	}
}

func wantOpenSSLReadsTheKey(t *testing.T, issued *certgen.Issued, leaf string) {
	t.Helper()
	key, err := issued.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	ofKey, ok := openssl(t, "pkey", "-in", written(t, key), "-pubout")
	ofLeaf, _ := openssl(t, "x509", "-in", leaf, "-noout", "-pubkey")
	if !ok || ofKey != ofLeaf {
		t.Error("openssl does not find the key to be the certificate's")
	}
}

func TestOpenSSLReadsTheExtensionsThatWereMeant(t *testing.T) {
	ca := authority(t, certgen.AuthorityConfig{})
	issued := issue(t, ca, certgen.Leaf{
		Name: "contour", Usage: certgen.ServerAuth,
		Names: names(t, "DNS:contour", "IP:2001:db8::1", "URI:spiffe://example.org/ns/contour"),
	})
	rows := map[string]struct {
		pem  []byte
		want []string
	}{
		"the CA": {ca.CertPEM(), []string{
			"X509v3 Basic Constraints: critical", "CA:TRUE, pathlen:0",
			"X509v3 Key Usage: critical", "Certificate Sign, CRL Sign", "X509v3 Subject Key Identifier",
		}},
		"a leaf": {issued.CertPEM(), []string{
			"X509v3 Basic Constraints: critical", "CA:FALSE", "X509v3 Key Usage: critical", "Digital Signature\n",
			"TLS Web Server Authentication\n", "X509v3 Authority Key Identifier", "X509v3 Subject Key Identifier",
			"DNS:contour, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe://example.org/ns/contour",
		}},
	}
	for name, row := range rows {
		text, _ := openssl(t, "x509", "-in", written(t, row.pem), "-noout", "-text")
		for _, want := range row.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q:\n%s", name, want, text)
			}
		}
	}
}
