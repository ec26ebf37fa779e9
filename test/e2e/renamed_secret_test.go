package e2e

import (
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// TestNoRequestFailsWhenAListenerIsGivenAnotherSecret changes which of two secrets a
// listener refers to. The other one is there before and after, and is no longer the
// Envoy's to have: a listener that drains has it still.
func TestNoRequestFailsWhenAListenerIsGivenAnotherSecret(t *testing.T) {
	t.Parallel()
	for _, p := range protocols[:4] {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			givenAnotherSecret(t, envoy.Version, p, 2)
		})
	}
}

func givenAnotherSecret(t *testing.T, version string, p protocol, rounds int) {
	s := startSite(t, version, p.name, p.source)
	one, other := s.site.secret, "other-secret"
	s.traffic = startTraffic(t, s.f, s.d.urls()...)
	for range rounds {
		s.make(change{name: "the listener is given the other secret", make: func(next *site, _ int) { next.secret, next.spare = other, one }})
		wantRunningWithin(t, s.patience, s.e, s.f.resources)
		one, other = other, one
	}
	s.wantNoFailure()
	s.c.wantMetric(0, "contour_xds_nacks_total", "type", "secret")
}
