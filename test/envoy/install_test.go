package envoy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

func TestInstallOfWhatIsThereNeedsNeitherPythonNorRegistry(t *testing.T) {
	want := envoy.Binary(t, envoy.Version)
	out, err := command("./install", brokenPython(t), envoy.Version).Output()
	if err != nil || string(out) != want+"\n" {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no version":                     {nil, "usage: test/envoy/install VERSION"},
		"two versions":                   {[]string{envoy.Version, envoy.OldestVersion}, "usage: "},
		"a version without pins":         {[]string{"1.2.3"}, "pinned are: " + envoy.OldestVersion + " " + envoy.Version},
		"Python without venv and pip":    {[]string{envoy.Version}, "apt-get install python3-venv"},
		"an incomplete install likewise": {[]string{envoy.OldestVersion}, "apt-get install python3-venv"},
	} {
		t.Run(name, func(t *testing.T) {
			script := copyScript(t)
			// What an interrupted install of this script or another left behind.
			leave(t, filepath.Join(filepath.Dir(script), "..", "..", ".tools", "envoy-"+envoy.OldestVersion, "envoy", "_bin", "envoy"))
			cmd := command(script, brokenPython(t), test.args...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err == nil || len(out) != 0 {
				t.Errorf("got %q and error %v; want no output and an error", out, err)
			}
			if !strings.Contains(stderr.String(), test.want) {
				t.Errorf("the error %q does not say %q", stderr.String(), test.want)
			}
		})
	}
}

// command runs script with the commands of that folder before all others.
func command(script, folder string, args ...string) *exec.Cmd {
	cmd := exec.Command(script, args...)
	cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

// brokenPython returns a folder with a python3 that locks, and has no module at all
// beyond that.
func brokenPython(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const python = "#!/bin/sh\ncase $* in *flock*) exit 0;; esac\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(python), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyScript puts the script and its pins into a repository of their own, whose
// path has a space.
func copyScript(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a b", "test", "envoy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	pins, err := filepath.Glob("requirements-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(pins, "install") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "install")
}

func leave(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
}
