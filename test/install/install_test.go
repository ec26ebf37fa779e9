// Package install holds the scripts that install tools for the tests to what they
// have in common, which is tool.bash.
package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A tool is one that a script beside this folder installs.
type tool struct {
	name, folder string
	// program is what the script prints, below the folder that it installs into.
	program string
}

var all = []tool{
	{"envoy", "envoy", "envoy/_bin/envoy"},
	{"grpcio", "grpc", "bin/python"},
	{"sslyze", "outside", "sslyze"},
}

// pins are the files with the pinned versions of a tool, the newest last.
func (o tool) pins(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", o.folder, "requirements-*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	return files
}

func version(pins string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(pins), "requirements-"), ".txt")
}

func (o tool) newest(t *testing.T) string {
	t.Helper()
	files := o.pins(t)
	return version(files[len(files)-1])
}

// TestEveryToolIsHere keeps a tool that is new from being left out.
func TestEveryToolIsHere(t *testing.T) {
	pins, err := filepath.Glob("../*/requirements-*.txt")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, tool := range all {
		found += len(tool.pins(t))
	}
	if found != len(pins) {
		t.Errorf("the tools here have %d of %d files of pins", found, len(pins))
	}
}

func TestInstallOfWhatIsThereNeedsNoRegistry(t *testing.T) {
	for _, tool := range all {
		t.Run(tool.name, func(t *testing.T) {
			script := filepath.Join("..", tool.folder, "install")
			want, err := exec.Command(script, tool.newest(t)).Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := command(script, brokenPython(t), tool.newest(t)).Output()
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestInstallRefuses(t *testing.T) {
	for _, tool := range all {
		newest := tool.newest(t)
		for name, test := range map[string]struct {
			args []string
			want string
		}{
			"no version":             {nil, "usage: test/" + tool.folder + "/install VERSION"},
			"two versions":           {[]string{newest, newest}, "usage: "},
			"a version without pins": {[]string{"1.2.3"}, newest},
			"Python without venv and pip, for an incomplete install": {[]string{newest}, "apt-get install python3-venv"},
		} {
			t.Run(tool.name+" with "+name, func(t *testing.T) {
				refused(t, command(tool.copy(t), brokenPython(t), test.args...), test.want)
			})
		}
	}
}

// refused holds a command to ending with an error that says want, and no output.
func refused(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil || len(out) != 0 {
		t.Errorf("got %q and error %v; want no output and an error", out, err)
	}
	if !strings.Contains(stderr.String(), want) {
		t.Errorf("the error %q does not say %q", stderr.String(), want)
	}
}

// TestEveryPackageIsPinnedByHash keeps a package without a hash from being taken
// for one whose hash was checked.
func TestEveryPackageIsPinnedByHash(t *testing.T) {
	for _, tool := range all {
		for _, pins := range tool.pins(t) {
			t.Run(pins, func(t *testing.T) { pinnedByHash(t, pins) })
		}
	}
}

func pinnedByHash(t *testing.T, pins string) {
	t.Helper()
	data, err := os.ReadFile(pins)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	ours := 0
	for i, line := range lines {
		switch {
		case bytes.HasPrefix(line, []byte("#")), bytes.HasPrefix(line, []byte("    --hash=sha256:")):
		case bytes.Contains(line, []byte("==")) && bytes.HasSuffix(line, []byte(" \\")) && i+1 < len(lines):
			if bytes.Contains(line, []byte("=="+version(pins)+" ")) {
				ours++
			}
		default:
			t.Errorf("line %d is neither a comment, a hash nor a package with hashes: %s", i+1, line)
		}
	}
	if ours == 0 {
		t.Errorf("no package has the version %s of the file", version(pins))
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
	write(t, filepath.Join(dir, "python3"), []byte(script))
	return dir
}

// copy puts a tool's script, its pins and what all scripts have in common into a
// repository of their own, whose path has a space, and in which an install was
// interrupted: it has a program, and no stamp.
func (o tool) copy(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "a b")
	write(t, filepath.Join(root, ".tools", o.name+"-"+o.newest(t), o.program), nil)
	script := filepath.Join("test", o.folder, "install")
	paths := []string{script, filepath.Join("test", "install", "tool.bash")}
	for _, pins := range o.pins(t) {
		paths = append(paths, filepath.Join("test", o.folder, filepath.Base(pins)))
	}
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, path), data)
	}
	return filepath.Join(root, script)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
}
