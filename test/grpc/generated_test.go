package grpc

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/contour"
)

// TestAClientIsFedByAContourThatRenewsItself lets the certificate with which a client
// began end, and then has it come back with another one. A client looks every five
// seconds for new files, and so they live longer here than those of an Envoy need to.
func TestAClientIsFedByAContourThatRenewsItself(t *testing.T) {
	t.Parallel()
	forEachKind(t, func(t *testing.T, kind string) {
		f := newFixture(t)
		f.sendTo(startBackend(t, "a"))
		state := filepath.Join(t.TempDir(), "state")
		args := []string{"--resources", f.resources, "--state-dir", state, "--certificate-lifetime", "16s"}
		s := contour.Start(t, args...)
		begin := time.Now()
		c := startClient(t, kind, writeBootstrap(t, "--state-dir", state, "--xds-port", s.XDSPort()))
		c.wantBackend("a")

		time.Sleep(time.Until(begin.Add(17 * time.Second)))
		s.Stop()
		f.sendTo(startBackend(t, "b"))
		s = contour.Start(t, append(args, "--xds-port", s.XDSPort())...)
		c.wantBackend("b")
		s.WantMetric(1, "contour_xds_tls_handshakes_total", "result", "success")
	})
}
