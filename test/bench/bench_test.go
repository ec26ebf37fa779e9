// Package bench measures what contour adds to the libraries that it is made of,
// as ratios of medians whose rounds alternate in one run, so that they mean about
// the same on any machine. `make bench` runs it. A ratio is printed beside its goal
// and fails nothing: a busy machine is no fault of the code.
//
// Servers run in processes of their own, which are this test binary again, so that
// a client's processor time and memory are not taken for a server's; so do the many
// clients of a fleet. The flag -profiles makes each server leave its profiles behind,
// and -report writes all ratios to a page.
package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

var (
	profiles   = flag.String("profiles", "", "absolute path of a folder into which each server writes its CPU and heap profiles")
	report     = flag.String("report", "", "path of the file that the results are written to, as Markdown")
	clients    = flag.Int("clients", 250, "how many clients are pushed to, and connect")
	clusters   = flag.Int("clusters", 1000, "how many clusters they have")
	alone      = flag.Bool("alone", false, "have contour alone pushed from and restarted, so that -profiles has it and little else")
	identities = flag.Int("identities", 0, "how many identities the clients have, under an access policy, in 100 groups; 0 for one that all share, and no policy")
	pushes     = flag.Int("pushes", 0, "how many pushes a round is of; 0 for as many as each benchmark has otherwise")
)

func TestMain(m *testing.M) {
	for variable, be := range map[string]func(given string) error{serverVariable: beServer, crowdVariable: beCrowd} {
		given := os.Getenv(variable)
		if given == "" {
			continue
		}
		if err := be(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if *report != "" && code == 0 {
			if err := results.write(*report); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
		os.Exit(code)
	}))
}
