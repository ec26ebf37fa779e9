package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
)

// drainQuickly has the listeners of an Envoy that were replaced end while the
// traffic goes on, and drainsQuickly tells contour of it.
var (
	drainQuickly  = []string{"--drain-time-s", "1", "--drain-strategy", "immediate"}
	drainsQuickly = []string{"--listener-drain-time", "1s"}
)

// served is an Envoy that runs a site, and traffic through it.
type served struct {
	*traffic
	t    *testing.T
	f    *fixture
	d    *folder
	c    *contour
	e    *envoy.Envoy
	site *site
	made int // how many changes
	// patience is how soon Envoy must run a change.
	patience time.Duration
	a, b     string
}

// startServed starts all of that, over ADS.
func startServed(t *testing.T, version, protocol string) *served {
	t.Helper()
	s := startSite(t, version, protocol, overADS)
	s.traffic = startTraffic(t, s.f, s.d.urls()...)
	return s
}

// startSite does so without the traffic.
func startSite(t *testing.T, version, protocol, source string) *served {
	t.Helper()
	s := &served{t: t, f: newFixture(t), a: newSlowlyWarm(t), b: newSlowlyWarm(t), patience: runsPromptly}
	s.d, s.site = newFolder(t, s.f), firstSite(s.a)
	s.d.source = source
	s.d.publish(s.site)
	s.c = s.f.serve(drainsQuickly...)
	bootstrap := s.f.bootstrap(s.c, s.f.client, "--xds-protocol", protocol)
	retryQuickly(t, bootstrap)
	s.e = envoy.Start(t, bootstrap, envoy.Options{Version: version, Args: drainQuickly})
	wantRunning(t, s.e, s.f.resources)
	return s
}

func (s *served) changes() []change { return changes(s.a, s.b) }

// make makes a change.
func (s *served) make(c change) {
	s.t.Helper()
	s.made++
	next := *s.site
	next.idle = slices.Clone(next.idle)
	c.make(&next, s.made)
	s.site = &next
	s.d.publish(s.site)
}

// wantRunning waits until Envoy runs what was changed, and finds no request failed
// so far.
func (s *served) wantRunning(c change) {
	s.t.Helper()
	wantRunningWithin(s.t, s.patience, s.e, s.f.resources)
	if n := s.failed.Load(); n > 0 {
		s.t.Errorf("when %s, or before, %d requests failed", c.name, n)
	}
}
