package outside

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/contour"
)

// newCertgenFixture starts a server with what contour certgen makes, and returns it
// with the client's files.
func newCertgenFixture(t *testing.T, kind string) (*fixture, certtest.Files) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "certificates")
	if out, err := exec.Command(contour.Binary(t), "certgen", dir, "--key-type", kind).CombinedOutput(); err != nil {
		t.Fatalf("contour certgen: %v\n%s", err, out)
	}
	files := func(name string) certtest.Files {
		return certtest.Files{
			CA: filepath.Join(dir, name, "ca.pem"), Cert: filepath.Join(dir, name, name+".pem"), Key: filepath.Join(dir, name, name+"-key.pem"),
		}
	}
	resources := t.TempDir()
	certtest.WriteFile(t, resources+"/none.yaml", []byte("resources: []"))
	own := files("contour")
	server := contour.Start(t, "--resources", resources,
		"--contour-cafile", own.CA, "--contour-mtls-cert", own.Cert, "--contour-mtls-key", own.Key)
	return &fixture{t: t, ca: certtest.NewCA(t, "another channel's"), Server: server}, files("envoy")
}

func TestAPythonWithWhatCertgenMakesIsWelcome(t *testing.T) {
	for _, kind := range []string{"ecdsa", "ed25519", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			f, client := newCertgenFixture(t, kind)
			const want = `{"version": "TLSv1.3", "alpn": "h2"}` + "\n"
			if got := f.python(presentingInPython(client)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			f.WantMetric(1, handshakes, "result", "success")
			f.WantMetric(0, handshakes, "result", "failure")
		})
	}
}

// TestAPythonOfAnotherCAIsRefusedByAServerOfCertgens shows that the test above can
// fail.
func TestAPythonOfAnotherCAIsRefusedByAServerOfCertgens(t *testing.T) {
	f, client := newCertgenFixture(t, "ecdsa")
	options := presentingInPython(f.client())
	options.CAFile = client.CA
	f.python(options)
	f.wantRefusedOnce("unknown_ca")
}
