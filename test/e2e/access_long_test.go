//go:build long

package e2e

import (
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

func TestLongAThiefGetsNothingByAnyProtocol(t *testing.T) {
	t.Parallel()
	for _, p := range protocols[2:4] {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			thiefGetsNothing(t, p)
		})
	}
}

func TestLongNoRequestFailsWhenAListenerOfTheOldestEnvoyIsGivenAnotherSecret(t *testing.T) {
	t.Parallel()
	for _, p := range protocols[:4] {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			givenAnotherSecret(t, envoy.OldestVersion, p, 6)
		})
	}
}
