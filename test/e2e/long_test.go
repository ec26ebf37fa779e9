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
