// Package access asks the real contour, over real mutual-TLS connections, for
// everything that a client could ask it for, and holds what comes back to an oracle.
//
// The oracle is written from the words of the access policy's reference and of the xDS
// protocol alone. It knows the resources because it wrote them, and imports nothing of
// what it judges: test/architecture holds it to that.
package access

import (
	"os"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
)

func TestMain(m *testing.M) { os.Exit(contourtest.RunTests(m)) }
