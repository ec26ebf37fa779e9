//go:build long

package e2e

import (
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// eachVersion runs a test with each Envoy that is served, and over each aggregated
// variant.
func eachVersion(t *testing.T, test func(t *testing.T, version, protocol string)) {
	for _, version := range []string{envoy.Version, envoy.OldestVersion} {
		for _, protocol := range aggregated {
			t.Run(version+", "+protocol, func(t *testing.T) {
				t.Parallel()
				test(t, version, protocol)
			})
		}
	}
}

func TestLongNoRequestFailsWhileEverythingIsReplaced(t *testing.T) {
	t.Parallel()
	eachVersion(t, func(t *testing.T, version, protocol string) {
		noRequestFailsWhileEverythingIsReplaced(t, version, protocol, 2, everyChange)
	})
}

func TestLongNoRequestFailsInAHailOfChanges(t *testing.T) {
	t.Parallel()
	eachVersion(t, func(t *testing.T, version, protocol string) {
		noRequestFailsInAHailOfChanges(t, version, protocol, 120)
	})
}

func TestLongNoRequestFailsWhileTheServerRestarts(t *testing.T) {
	t.Parallel()
	for how, end := range ends {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			eachVersion(t, func(t *testing.T, version, protocol string) {
				noRequestFailsWhileTheServerRestarts(t, version, protocol, end, everyChange)
			})
		})
	}
}

func TestLongNoRequestFailsWhenTheServerIsKilledInTheMidst(t *testing.T) {
	t.Parallel()
	eachVersion(t, func(t *testing.T, version, protocol string) {
		noRequestFailsWhenTheServerIsKilledInTheMidst(t, version, protocol, 20)
	})
}

func TestLongTheOldestEnvoyThatLacksNothingIsSentNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			lacksNothing(t, envoy.OldestVersion, protocol)
		})
	}
}

func TestLongAClusterOfTheOldestEnvoyWhoseEndpointsTheServerOwedWarmsAfterTheRestart(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			warmsAfterTheRestart(t, envoy.OldestVersion, protocol)
		})
	}
}

func TestLongRoutesWaitForClustersThatCameToTheOldestEnvoyBeforeTheRestart(t *testing.T) {
	t.Parallel()
	routesWait(t, envoy.OldestVersion)
}

func TestLongEachEnvoyRunsWhatOthersMadeForTests(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		title, version string
		tls            bool
	}{
		{"without TLS", envoy.Version, false},
		{"the oldest, without TLS", envoy.OldestVersion, false},
		{"the oldest, with TLS", envoy.OldestVersion, true},
	} {
		t.Run(row.title, func(t *testing.T) {
			t.Parallel()
			runsWhatOthersMade(t, row.version, row.tls)
		})
	}
}

func TestLongEachStreamServesTheSame(t *testing.T) {
	t.Parallel()
	for _, version := range []string{envoy.Version, envoy.OldestVersion} {
		for _, p := range protocols {
			t.Run(version+", "+p.title(), func(t *testing.T) {
				t.Parallel()
				eachStreamServesTheSame(t, version, p, everyChange)
			})
		}
	}
}

func TestLongWhatTheOldestEnvoyRefusedBesideAMistakeComesWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		if p.source == overADS && !p.aggregated {
			continue
		}
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			comesWithTheRemedy(t, envoy.OldestVersion, p)
		})
	}
}

func TestLongAListenerThatAsksOtherwiseForWhatTheOldestEnvoyHasServes(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			asksOtherwise(t, envoy.OldestVersion, protocol)
		})
	}
}
