//go:build long

package e2e

import (
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

func TestLongOldestEnvoyIsServedInEveryProtocol(t *testing.T) {
	servedInEveryProtocol(t, envoy.OldestVersion)
}

func TestLongEveryKindOfKeyWorksWithTheOldestEnvoy(t *testing.T) {
	everyKindOfKey(t, envoy.OldestVersion)
}

func TestLongARefusedOldestEnvoyShowsWhatItsReasonSays(t *testing.T) {
	t.Parallel()
	showsWhatItsReasonSays(t, envoy.OldestVersion)
}

func TestLongTheOldestEnvoyWithAnotherKeyDoesNotStart(t *testing.T) {
	doesNotStartWithAnotherKey(t, envoy.OldestVersion)
}

func TestLongTheServedOldestEnvoyShowsNoRefusal(t *testing.T) {
	showsNoRefusal(t, envoy.OldestVersion, "x25519", "X25519")
}

func TestLongTheOldestEnvoyTakesNewCredentialsWithoutARestart(t *testing.T) {
	t.Parallel()
	for how := range keepings {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			takesNewCredentials(t, envoy.OldestVersion, how)
		})
	}
}

func TestLongTheOldestEnvoyKeepsWhatWasGoodLast(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]func(*testing.T, string){"its pair": keepsItsPair, "its bundle": keepsItsBundle} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			test(t, envoy.OldestVersion)
		})
	}
}

func TestLongTheOldestEnvoyDemandsTheServersNameWhateverBundleComes(t *testing.T) {
	t.Parallel()
	demandsTheServersName(t, envoy.OldestVersion)
}

func TestLongABootstrapWrittenAnewGivesTheOldestEnvoyOtherFiles(t *testing.T) {
	t.Parallel()
	givesOtherFiles(t, envoy.OldestVersion)
}

func TestLongConnectionsOfAnAgeOfTheOldestEnvoyComeBack(t *testing.T) {
	t.Parallel()
	comesBackByAge(t, envoy.OldestVersion, "delta-ads")
}

func TestLongTheOldestEnvoyIsTakenThroughARolloverWithoutARestart(t *testing.T) {
	t.Parallel()
	for _, how := range []string{swapped, renamed} {
		for _, protocol := range aggregated {
			t.Run(how+", "+protocol, func(t *testing.T) {
				t.Parallel()
				goesThroughARollover(t, envoy.OldestVersion, how, protocol)
			})
		}
	}
}

func TestLongRecyclingTheOldestEnvoyEndsARollover(t *testing.T) {
	t.Parallel()
	endsARollover(t, envoy.OldestVersion)
}
