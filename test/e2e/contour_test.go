package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	contourtest "github.com/contour-xds/contour/test/contour"
)

// deadline is how long an event may take that needs a second at most. It is
// generous: the machine may be busy, and nothing is measured here.
const deadline = 30 * time.Second

// contour is a running contour serve.
type contour struct {
	t      *testing.T
	server *contourtest.Server
	// xds and metrics are where it listens, as host:port.
	xds, metrics string
}

// serve starts contour serve on free ports of loopback, unless args say
// otherwise, and returns when it serves. When the test ends, so does it.
func serve(t *testing.T, args ...string) *contour {
	t.Helper()
	s := contourtest.Start(t, args...)
	return &contour{t: t, server: s, xds: s.XDS, metrics: s.Metrics}
}

func (c *contour) log() string {
	c.t.Helper()
	return c.server.Log()
}

// stop ends it as an operator does, and holds it to an orderly end.
func (c *contour) stop() {
	c.t.Helper()
	c.server.Stop()
}

func (c *contour) terminate() {
	c.t.Helper()
	c.server.Terminate()
}

func (c *contour) waitEnded() {
	c.t.Helper()
	c.server.WaitEnded()
}

// kill ends it as a crash does.
func (c *contour) kill() {
	c.t.Helper()
	c.server.Kill()
}

// xdsPort is the port alone.
func (c *contour) xdsPort() string {
	c.t.Helper()
	return c.server.XDSPort()
}

// metric returns the value of one series, whose labels are given as name and
// value by turns.
func (c *contour) metric(name string, labels ...string) (float64, error) {
	return c.server.Metric(name, labels...)
}

// wantMetric waits until a series has a value.
func (c *contour) wantMetric(want float64, name string, labels ...string) {
	c.t.Helper()
	c.server.WantMetric(want, name, labels...)
}

// wantConnections waits until so many are open and through their handshake.
func (c *contour) wantConnections(want float64) {
	c.t.Helper()
	c.server.WantConnections(want)
}

// wantNoneRefused holds every reason for which a handshake can fail to zero.
func (c *contour) wantNoneRefused() {
	c.t.Helper()
	refused, err := c.above("contour_xds_tls_handshake_failures_total", "reason")
	if err != nil || len(refused) > 0 {
		c.t.Errorf("handshakes failed: %v, %v", refused, err)
	}
}

// contourBootstrap writes an Envoy's bootstrap with the real command and returns
// its path.
func contourBootstrap(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "envoy.json")
	args = append([]string{"bootstrap", path, "--admin-port", "0", "--node-id", "e2e"}, args...)
	if out, err := exec.Command(contourtest.Binary(t), args...).CombinedOutput(); err != nil {
		t.Fatalf("contour bootstrap: %v\n%s", err, out)
	}
	return path
}
