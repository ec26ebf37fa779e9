//go:build long && linux

package e2e

import (
	"testing"
	"time"
)

// promptly is how soon an honest client is in, by the median, while strangers stall.
const promptly = time.Second

func TestLongStalledConnectionsDelayNoHonestEnvoy(t *testing.T) { stalledConnectionsMakeRoom(t) }
