package outside

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallOfWhatIsThereNeedsNoRegistry(t *testing.T) {
	want := sslyze(t)
	out, err := command("./install", brokenPython(t), sslyzeVersion).Output()
	if err != nil || string(out) != want+"\n" {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no version":             {nil, "usage: test/outside/install VERSION"},
		"two versions":           {[]string{sslyzeVersion, sslyzeVersion}, "usage: "},
		"a version without pins": {[]string{"1.2.3"}, "pinned are: " + sslyzeVersion},
		"Python without venv and pip, for an incomplete install": {[]string{sslyzeVersion}, "apt-get install python3-venv"},
	} {
		t.Run(name, func(t *testing.T) {
			script := copyScript(t)
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

// TestEveryPackageIsPinnedByHash keeps a package without a hash from being taken
// for one whose hash was checked.
func TestEveryPackageIsPinnedByHash(t *testing.T) {
	data, err := os.ReadFile("requirements-" + sslyzeVersion + ".txt")
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
	if packages < 2 || !bytes.Contains(data, []byte("\nsslyze=="+sslyzeVersion+" \\\n")) {
		t.Errorf("%d packages, and not sslyze %s among them", packages, sslyzeVersion)
	}
}

// command runs script with the commands of that folder before all others.
func command(script, folder string, args ...string) *exec.Cmd {
	cmd := exec.Command(script, args...)
	cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
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

// copyScript puts the script and its pins into a repository of their own, whose path
// has a space, and in which an install was interrupted: it has a program, and no
// stamp.
func copyScript(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "a b")
	script := filepath.Join(root, "test", "outside", "install")
	left := filepath.Join(root, ".tools", "sslyze-"+sslyzeVersion, "sslyze")
	for _, path := range []string{script, left} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(left, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"install", "requirements-" + sslyzeVersion + ".txt"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(script), name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return script
}
