// Package e2e runs real Envoys against the real binary, over real sockets, with
// certificates that each test makes.
package e2e

import (
	"os"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
)

func TestMain(m *testing.M) { os.Exit(contourtest.RunTests(m)) }
