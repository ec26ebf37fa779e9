package grpc

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallOfWhatIsThereNeedsNoRegistry(t *testing.T) {
	want := python(t)
	cmd := exec.Command("./install", grpcioVersion)
	cmd.Env = append(os.Environ(), "PATH="+brokenPython(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil || string(out) != want+"\n" {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no version":             {nil, "usage: test/grpc/install VERSION"},
		"two versions":           {[]string{grpcioVersion, grpcioVersion}, "usage: "},
		"a version without pins": {[]string{"1.2.3"}, "pinned are: " + grpcioVersion},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("./install", test.args...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err == nil || len(out) != 0 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("got %q, %v and %q; want no output and an error that says %q", out, err, stderr.String(), test.want)
			}
		})
	}
}

// TestEveryPackageIsPinnedByHash keeps a package without a hash from being taken
// for one whose hash was checked.
func TestEveryPackageIsPinnedByHash(t *testing.T) {
	data, err := os.ReadFile("requirements-" + grpcioVersion + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	packages := 0
	for i, line := range lines {
		switch {
		case bytes.HasPrefix(line, []byte("#")), bytes.HasPrefix(line, []byte("    --hash=sha256:")):
		case bytes.Contains(line, []byte("==")) && bytes.HasSuffix(line, []byte(" \\")) && i+1 < len(lines):
			packages++
		default:
			t.Errorf("line %d is neither a comment, a hash nor a package with hashes: %s", i+1, line)
		}
	}
	if packages < 2 || !bytes.Contains(data, []byte("\ngrpcio=="+grpcioVersion+" \\\n")) {
		t.Errorf("%d packages, and not grpcio %s among them", packages, grpcioVersion)
	}
}

// brokenPython returns a folder with a python3 that locks and tells its version,
// and has no module at all beyond that.
func brokenPython(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\ncase $* in *flock* | *cache_tag* | --version) exec '" + python + "' \"$@\";; esac\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
