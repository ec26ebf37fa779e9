package e2e

import (
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// TestEachStreamServesTheSame makes changes where each type comes over a stream of
// its own, and has the server restart in between. Nothing is promised of the order
// between streams, and so there is no traffic. Every change and every way of mixing
// streams has its turn in the long test.
func TestEachStreamServesTheSame(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		if p.source == overADS {
			continue
		}
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			eachStreamServesTheSame(t, envoy.Version, p, 3)
		})
	}
}

func eachStreamServesTheSame(t *testing.T, version string, p protocol, count int) {
	s := startSite(t, version, p.name, p.source)
	if !p.aggregated && p.source == overADS {
		// A cluster that changes waits for its endpoints, which another stream does not
		// know to send again: it waits as long as it does for what does not exist.
		s.patience = deadline
	}
	for i, change := range s.changes() {
		if i == count {
			break
		}
		restarts := i%4 == 1
		if restarts {
			s.c.kill()
		}
		s.make(change)
		if restarts {
			s.restart()
		}
		wantRunningWithin(t, s.patience, s.e, s.f.resources)
	}
}
