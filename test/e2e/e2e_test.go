// Package e2e runs real Envoys against the real binary, over real sockets, with
// certificates that each test makes.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the contour that all tests run, under the race detector.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "contour-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "contour")
	code := 1
	if out, err := exec.Command("go", "build", "-race", "-o", binary, "../../cmd/contour").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building contour: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
