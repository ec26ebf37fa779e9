// Package grpc has real gRPC clients take their configuration from the real contour
// and make calls by it, without a proxy: grpc-go and Python's grpcio, each a process
// of its own that starts with the file that contour bootstrap wrote.
package grpc

import (
	"os"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/contour"
)

// deadline is how long an event may take that needs seconds at most, such as a
// client's next attempt to connect. It is generous: the machine may be busy, and
// nothing is measured here.
const deadline = 60 * time.Second

// TestMain is the client of grpc-go, too, where a test has started this binary as
// one.
func TestMain(m *testing.M) {
	if target, ok := os.LookupEnv(clientVariable); ok {
		os.Exit(runClient(target, os.Stdin, os.Stdout))
	}
	os.Exit(contour.RunTests(m))
}
