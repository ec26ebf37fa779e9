package grpc

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// grpcioVersion is that of a requirements file of this folder. The Makefile reads it
// here, to install grpcio before the tests' own deadline runs.
const grpcioVersion = "1.85.0"

// installed is what install returned.
var installed = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("./install", grpcioVersion).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// python returns the path of a Python that has grpcio.
func python(t *testing.T) string {
	t.Helper()
	path, err := installed()
	if err != nil {
		t.Fatalf("installing grpcio: %v", err)
	}
	return path
}
