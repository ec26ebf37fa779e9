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
