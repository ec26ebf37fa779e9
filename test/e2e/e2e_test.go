// Package e2e runs real Envoys against the real binary, over real sockets, with
// certificates that each test makes.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
)

func TestMain(m *testing.M) {
	if err := waitTogether(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(contourtest.RunTests(m))
}

// waitTogether has twice as many tests run at a time as Go would by itself, unless it is
// told how many: what they do most is to wait for Envoys.
func waitTogether() error {
	const name = "test.parallel"
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == name })
	if told {
		return nil
	}
	return flag.Set(name, strconv.Itoa(2*runtime.GOMAXPROCS(0)))
}
