//go:build long && linux

package e2e

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestLongACrowdOfHonestClientsIsServedToTheLast has a fleet behind one address
// connect at the same moment, as it does when a server comes back. It takes the
// server seconds of computing to let them in, and none of them is to pay for that.
//
// The time for a handshake is longer than by default, since under the race detector
// of a busy machine all of them together can take as long as that.
func TestLongACrowdOfHonestClientsIsServedToTheLast(t *testing.T) {
	requireOpenFiles(t)
	const crowd = 2000
	f := newFixture(t)
	f.write("clusters.yaml", clusterNamed("a"))
	c := f.serve("--handshake-timeout", "1m")
	if most := c.value("contour_xds_limit", "limit", "handshakes"); most < crowd {
		t.Fatalf("the limit is %v; a crowd of %d would be more than it", most, crowd)
	}

	config := f.clientTLS()
	start := make(chan struct{})
	took, errs := make([]time.Duration, crowd), make([]error, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			<-start
			took[i], errs[i] = getIn(t.Context(), 2*time.Minute, c.xds, config)
		})
	}
	close(start)
	all.Wait()
	t.Logf("%d clients were in after %v by the median, %v at most", crowd, median(took), slices.Max(took))

	if err := errors.Join(errs...); err != nil {
		t.Errorf("in the crowd: %v", err)
	}
	c.wantNoneRefused()
	c.wantMetric(crowd, "contour_xds_tls_handshakes_total", "result", "success")
	c.wantConnections(0)
}
