// Package contour runs the real contour in tests: it builds the binary once,
// starts contour serve, reads what it counts and logs, and ends it.
//
// Everything belongs to the test that starts it and ends with it.
package contour

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is what RunTests built; it is set before the first test runs and removed
// after the last.
var binary string

// RunTests builds contour with the race detector, runs the tests of a package and
// removes the binary again. It returns the code that the package's TestMain exits
// with, which is a failure if a test used the machine's own state folder.
func RunTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "contour-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder left behind is no failure of the tests
	root, err := findRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "contour")
	cmd := exec.Command("go", "build", "-race", "-o", binary, "./cmd/contour")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building contour: %v\n%s", err, out)
		return 1
	}
	clean := !exists(stateOfRoot)
	code := m.Run()
	if clean && exists(stateOfRoot) {
		fmt.Fprintf(os.Stderr, "a test made %s: give that contour its --state-dir, or --insecure\n", stateOfRoot)
		return 1
	}
	return code
}

// stateOfRoot is where a contour that is told nothing about its credentials keeps
// them when root runs it. The machine's own is none of the tests' business.
const stateOfRoot = "/var/lib/contour"

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Binary is the path of the contour that all tests of a package run. The package's
// TestMain must call [RunTests].
func Binary(t testing.TB) string {
	t.Helper()
	if binary == "" {
		t.Fatal("contour is not built: TestMain of this package does not call RunTests")
	}
	return binary
}

// findRoot finds the folder of go.mod above the working directory, which for a test
// is the folder of its package.
func findRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding go.mod: it is in no folder above %q", start)
		}
	}
}
