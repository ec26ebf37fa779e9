package grpc

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/contour"
)

// forEachKind runs a test with each kind of client, at once: most of their time is
// waiting.
func forEachKind(t *testing.T, test func(t *testing.T, kind string)) {
	t.Helper()
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

func TestAClientCallsTheBackendThatTheResourcesName(t *testing.T) {
	for name, address := range map[string]string{
		"of a contour that it dials by an IPv4 address": "127.0.0.1",
		"of a contour that it dials by an IPv6 address": "::1",
		"of a contour that it dials by a host name":     "localhost",
	} {
		t.Run(name, func(t *testing.T) {
			listens := address
			if address == "localhost" {
				listens = "127.0.0.1"
			}
			if probe, err := net.Listen("tcp", net.JoinHostPort(listens, "0")); err != nil {
				t.Skipf("this machine has no such address: %v", err)
			} else if err := probe.Close(); err != nil {
				t.Fatal(err)
			}
			forEachKind(t, func(t *testing.T, kind string) {
				f := newFixture(t)
				a, b := startBackend(t, "a"), startBackend(t, "b")
				f.sendTo(a)
				s := f.serve(f.files(certtest.Server()), "--xds-address", listens)
				c := startClient(t, kind, f.bootstrap(s, f.files(certtest.Client()), "--xds-address", address))
				c.wantBackend("a")
				s.WantMetric(1, "contour_xds_streams", "service", "ads", "protocol", "sotw")

				f.sendTo(b)
				c.wantBackend("b")
				s.WantMetric(0, "contour_xds_nacks_total", "type", "endpoint")
			})
		})
	}
}

func TestAClientCallsInPlaintextWhereContourServesIt(t *testing.T) {
	t.Parallel()
	forEachKind(t, func(t *testing.T, kind string) {
		f := newFixture(t)
		f.sendTo(startBackend(t, "a"))
		s := contour.Start(t, "--resources", f.resources, "--insecure")
		startClient(t, kind, writeBootstrap(t, "--insecure", "--xds-port", s.XDSPort())).wantBackend("a")
	})
}

// TestAClientTakesNewFilesByItself replaces a client's key pair as Kubernetes does
// with a mounted Secret, by another CA's, and then contour by one that trusts that
// CA alone.
func TestAClientTakesNewFilesByItself(t *testing.T) {
	t.Parallel()
	forEachKind(t, func(t *testing.T, kind string) {
		f := newFixture(t)
		f.sendTo(startBackend(t, "a"))
		server := f.ca.Issue(t, certtest.Server())
		s := f.serve(certtest.WriteFiles(t, t.TempDir(), f.ca, server))

		mount := mounted{t: t, dir: t.TempDir()}
		mount.swap("1", f.ca, f.ca.Issue(t, certtest.Client()))
		c := startClient(t, kind, f.bootstrap(s, mount.files()))
		c.wantBackend("a")

		next := certtest.NewCA(t, "next")
		mount.swap("2", f.ca, next.Issue(t, certtest.Client()))
		s.Stop()
		if got := c.call(); got.Backend != "a" {
			t.Errorf("without contour, the client got %+v; it is to go on with what it had", got)
		}
		f.sendTo(startBackend(t, "b"))
		s = f.serve(certtest.WriteFiles(t, t.TempDir(), next, server), "--xds-port", s.XDSPort())
		c.wantBackend("b")
		s.WantConnections(1)
	})
}

// mounted is a folder whose files are swapped all at once.
type mounted struct {
	t   *testing.T
	dir string
}

func (m mounted) files() certtest.Files {
	current := filepath.Join(m.dir, "current")
	return certtest.Files{
		CA: filepath.Join(current, "ca.pem"), Cert: filepath.Join(current, "tls.crt"), Key: filepath.Join(current, "tls.key"),
	}
}

func (m mounted) swap(generation string, ca *certtest.CA, pair *certtest.Pair) {
	m.t.Helper()
	if err := os.Mkdir(filepath.Join(m.dir, generation), 0o700); err != nil {
		m.t.Fatal(err)
	}
	certtest.WriteFiles(m.t, filepath.Join(m.dir, generation), ca, pair)
	link := filepath.Join(m.dir, "next")
	if err := os.Symlink(generation, link); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(m.dir, "current")); err != nil {
		m.t.Fatal(err)
	}
}
