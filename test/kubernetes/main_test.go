package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// contourBinary is the contour that all tests run, under the race detector.
// Another user may run it.
var contourBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "contour-kubernetes-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	contourBinary = filepath.Join(dir, "contour")
	code := 1
	if out, err := exec.Command("go", "build", "-race", "-o", contourBinary, "../../cmd/contour").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building contour: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
