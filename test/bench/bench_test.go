// Package bench measures what contour adds to the libraries that it is made of,
// as ratios of medians whose rounds alternate in one run, so that they mean about
// the same on any machine. `make bench` runs it. A ratio is printed beside its goal
// and fails nothing: a busy machine is no fault of the code.
//
// Servers run in processes of their own, which are this test binary again, so that
// a client's processor time and memory are not taken for a server's. The flag
// -profiles makes each of them leave its profiles behind.
package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var profiles = flag.String("profiles", "", "absolute path of a folder into which each server writes its CPU and heap profiles")

func TestMain(m *testing.M) {
	if given := os.Getenv(serverVariable); given != "" {
		if err := beServer(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
