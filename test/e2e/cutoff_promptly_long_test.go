//go:build long

package e2e

import (
	"testing"
	"time"
)

// cutOff is how soon a connection is closed that may stand no more.
const cutOff = time.Second

func TestLongAnEnvoyIsCutOffWithinASecond(t *testing.T) {
	t.Parallel()
	for _, p := range protocols[:4] {
		eachCutOff(t, p)
	}
}
