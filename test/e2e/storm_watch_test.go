//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// A watch looks at a server's metrics and at its health again and again. What it
// saw may be read when it is stopped.
type watch struct {
	mostPending float64
	failures    []error

	stop func()
}

// startWatch watches until it is stopped, or the test ends.
func startWatch(t *testing.T, c *contour) *watch {
	t.Helper()
	over := make(chan struct{})
	var done sync.WaitGroup
	w := &watch{stop: sync.OnceFunc(func() {
		close(over)
		done.Wait()
	})}
	t.Cleanup(w.stop)
	done.Go(func() {
		ticks := time.NewTicker(100 * time.Millisecond)
		defer ticks.Stop()
		for {
			w.look(c)
			select {
			case <-over:
				return
			case <-ticks.C:
			}
		}
	})
	return w
}

func (w *watch) look(c *contour) {
	states, err := c.server.AllSeries("contour_xds_tls_handshakes_pending")
	if err != nil {
		w.failures = append(w.failures, err)
	}
	w.mostPending = max(w.mostPending, sum(states))
	if err := healthy(c); err != nil {
		w.failures = append(w.failures, err)
	}
}

func sum(all []contourtest.Series) float64 {
	total := 0.0
	for _, series := range all {
		total += series.Value
	}
	return total
}

func healthy(c *contour) error {
	resp, err := (&http.Client{Timeout: deadline}).Get("http://" + c.metrics + "/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answers %s", resp.Status)
	}
	return nil
}

// A footprint is what connections could leave behind in a server.
type footprint struct{ pending, connections, goroutines, files, memory float64 }

func (p footprint) String() string {
	return fmt.Sprintf("%v pending, %v connections, %v goroutines, %v files, %.1f MB of heap and stacks",
		p.pending, p.connections, p.goroutines, p.files, p.memory/1e6)
}

func (c *contour) footprint() footprint {
	c.t.Helper()
	pending, err := c.server.AllSeries("contour_xds_tls_handshakes_pending")
	if err != nil {
		c.t.Fatal(err)
	}
	connections, err := c.server.Connections()
	if err != nil {
		c.t.Fatal(err)
	}
	return footprint{
		pending:     sum(pending),
		connections: connections,
		goroutines:  c.value("go_goroutines"),
		files:       c.value("process_open_fds"),
		memory:      c.value("go_memstats_heap_inuse_bytes") + c.value("go_memstats_stack_inuse_bytes"),
	}
}

// value is a series that must be there.
func (c *contour) value(name string, labels ...string) float64 {
	c.t.Helper()
	v, err := c.metric(name, labels...)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// settledFootprint is that of a server whom everybody has left.
func (c *contour) settledFootprint() footprint {
	c.t.Helper()
	c.wantConnections(0)
	return c.footprint()
}

// What may be more than before when a storm is over. Memory is that of each
// stranger's dead goroutine, which Go keeps for the next one, and what garbage there
// is between two collections: by and large a kilobyte a stranger. Each took more
// than twenty while it was there.
const (
	spareGoroutines = 4
	spareFiles      = 2
	spareMemory     = 8 << 20
)

// wantFootprint waits until nothing is left of what came since then. Asking is
// work, too: it is what brings the next collection about.
func (c *contour) wantFootprint(before footprint) {
	c.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	var after footprint
	envoy.Eventually(c.t, deadline, "all is as it was before", func() error {
		after = c.footprint()
		if after.pending != before.pending || after.connections != before.connections ||
			after.goroutines > before.goroutines+spareGoroutines || after.files > before.files+spareFiles ||
			after.memory > before.memory+spareMemory {
			return fmt.Errorf("before: %v; after: %v", before, after)
		}
		return nil
	})
	c.t.Logf("before: %v; after: %v", before, after)
}
