// Package prometheus holds examples/prometheus to what it is for: promtool checks
// and tests the alert rules, a real Prometheus scrapes the real contour and raises
// an alert, and the dashboard asks for what that Prometheus has.
package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
)

func TestMain(m *testing.M) { os.Exit(contourtest.RunTests(m)) }

// root is the folder of the repository, and examples that of what is tested here.
var (
	root     = filepath.Join("..", "..")
	examples = filepath.Join(root, "examples", "prometheus")
)

// tool finds a program of Debian's package prometheus. Where continuous integration
// runs, it has to be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%v; install the package prometheus", err)
	}
	t.Skipf("%v; it is in the package prometheus", err)
	return ""
}

// read returns a file of examples/prometheus, or of another folder relative to it.
func read(t *testing.T, name ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{examples}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// write makes a file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
