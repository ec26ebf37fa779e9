// Package outside holds the running server to what it promises of its TLS by
// tools that others wrote: sslyze, openssl and Python.
package outside

import (
	"os"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/contour"
)

// deadline is how long an event may take that needs a second at most. It is
// generous: the machine may be busy, and nothing is measured here.
const deadline = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(contour.RunTests(m)) }

// fixture is a running server with mutual TLS, and the CA of its channel.
type fixture struct {
	t  *testing.T
	ca *certtest.CA
	*contour.Server
}

// newFixture starts a server whose own key is of that kind, and that has nothing
// to serve: nobody here gets as far as a resource.
func newFixture(t *testing.T, key certtest.KeyType) *fixture {
	t.Helper()
	f := &fixture{t: t, ca: certtest.NewCA(t, "channel")}
	leaf := certtest.Server()
	leaf.Key = key
	own := f.files(f.ca.Issue(t, leaf))
	resources := t.TempDir()
	certtest.WriteFile(t, resources+"/none.yaml", []byte("resources: []"))
	f.Server = contour.Start(t, "--resources", resources,
		"--contour-cafile", own.CA, "--contour-mtls-cert", own.Cert, "--contour-mtls-key", own.Key)
	return f
}

// files writes a pair, beside the CA of the channel.
func (f *fixture) files(pair *certtest.Pair) certtest.Files {
	f.t.Helper()
	return certtest.WriteFiles(f.t, f.t.TempDir(), f.ca, pair)
}

// client writes the credentials of a client that the server lets in.
func (f *fixture) client() certtest.Files {
	f.t.Helper()
	return f.files(f.ca.Issue(f.t, certtest.Client()))
}

// strangersCA writes the certificate of a CA that issued nothing here, and returns
// its path.
func (f *fixture) strangersCA() string {
	f.t.Helper()
	path := f.t.TempDir() + "/ca.pem"
	certtest.WriteFile(f.t, path, certtest.NewCA(f.t, "other").PEM())
	return path
}
