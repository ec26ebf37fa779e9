package envoy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The versions that tests run with: the one that is meant unless another is named,
// and the oldest that is served. The Makefile has both, too, to install them
// before the tests' own deadline runs.
const (
	Version       = "1.40.0"
	OldestVersion = "1.36.2"
)

// installed remembers, for each version, what install returned.
var installed sync.Map

// Binary returns the path of Envoy's executable, which it installs first if
// need be. An empty version means [Version].
func Binary(t testing.TB, version string) string {
	t.Helper()
	if version == "" {
		version = Version
	}
	once, _ := installed.LoadOrStore(version, sync.OnceValues(func() (string, error) { return install(version) }))
	path, err := once.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func install(version string) (string, error) {
	script, err := findScript()
	if err != nil {
		return "", err
	}
	var stderr bytes.Buffer
	cmd := exec.Command(script, version)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("installing Envoy %s: %w\n%s", version, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// findScript finds install above the working directory, which for a test is the folder
// of its package.
func findScript() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "test", "envoy", "install")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding test/envoy/install: it is in no folder above %q", start)
		}
	}
}
