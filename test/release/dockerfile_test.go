// Package release holds what is shipped to its promises: the archives of a
// release, the image, and how fast the binary starts.
package release

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the project.
const root = "../.."

// instruction is one of a Dockerfile, its continued lines joined.
type instruction struct{ name, rest string }

// stage is what stands between one FROM and the next.
type stage struct {
	from         string
	instructions []instruction
}

// all returns what follows each instruction of a name.
func (s stage) all(name string) []string {
	var rest []string
	for _, i := range s.instructions {
		if i.name == name {
			rest = append(rest, i.rest)
		}
	}
	return rest
}

// dockerfile returns the two stages: where the binary is built, and the image.
func dockerfile(t *testing.T) (build, image stage) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	comments := regexp.MustCompile(`(?m)^#.*\n`)
	joined := strings.ReplaceAll(string(comments.ReplaceAll(data, nil)), "\\\n", " ")
	var stages []stage
	for lines := bufio.NewScanner(strings.NewReader(joined)); lines.Scan(); {
		name, rest, found := strings.Cut(lines.Text(), " ")
		switch {
		case !found:
		case name == "FROM":
			stages = append(stages, stage{from: rest})
		default:
			last := &stages[len(stages)-1]
			last.instructions = append(last.instructions, instruction{name, strings.TrimSpace(rest)})
		}
	}
	if len(stages) != 2 {
		t.Fatalf("the Dockerfile has %d stages, want 2", len(stages))
	}
	return stages[0], stages[1]
}

// copied is what the build stage takes from the project, as paths in it.
func copied(build stage) []string {
	var sources []string
	for _, words := range build.all("COPY") {
		fields := strings.Fields(words)
		sources = append(sources, fields[:len(fields)-1]...)
	}
	return sources
}

func TestImageHoldsTheBinaryAndNothingElse(t *testing.T) {
	_, image := dockerfile(t)
	if image.from != "scratch" {
		t.Errorf("the image is based on %s, want scratch", image.from)
	}
	if got := image.all("COPY"); !slices.Equal(got, []string{"--from=build /src/bin/contour /contour"}) {
		t.Errorf("the image copies %q", got)
	}
	for _, name := range []string{"RUN", "ADD", "VOLUME", "ENV"} {
		if got := image.all(name); len(got) > 0 {
			t.Errorf("the image has %s %q", name, got)
		}
	}
	var entrypoint []string
	if got := image.all("ENTRYPOINT"); len(got) != 1 || json.Unmarshal([]byte(got[0]), &entrypoint) != nil ||
		!slices.Equal(entrypoint, []string{"/contour"}) {
		t.Errorf("the entry point is %q, want the binary, without a shell", got)
	}
	if got := image.all("USER"); len(got) != 1 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(got[0]) {
		t.Errorf("the user is %q, want numbers that are not root's", got)
	}
}

func TestImageIsLabelled(t *testing.T) {
	_, image := dockerfile(t)
	labels := strings.Join(image.all("LABEL"), " ")
	for _, label := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		if !regexp.MustCompile(`org\.opencontainers\.image\.` + label + `="[^"]+"`).MatchString(labels) {
			t.Errorf("the image has no label %s", label)
		}
	}
}

func TestImageIsBuiltByTheMakefileWithTheModulesGo(t *testing.T) {
	build, _ := dockerfile(t)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	named := string(regexp.MustCompile(`(?m)^go \S+$`).Find(mod))
	if want := "golang:" + strings.TrimPrefix(named, "go ") + " AS build"; !strings.HasSuffix(build.from, " "+want) {
		t.Errorf("the binary is built in %q, and go.mod names %q", build.from, named)
	}
	runs := build.all("RUN")
	if len(runs) != 2 || runs[0] != "go mod download" || !strings.HasPrefix(runs[1], "make static ") {
		t.Errorf("the build stage runs %q", runs)
	}
}

// TestImageIsBuiltFromWhatIsThere holds the build's context to what the binary
// needs: all of it, and nothing that .dockerignore keeps out.
func TestImageIsBuiltFromWhatIsThere(t *testing.T) {
	build, _ := dockerfile(t)
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(ignore), "\n")
	if !slices.Contains(lines, "*") {
		t.Error(".dockerignore does not begin with nothing")
	}
	sources := copied(build)
	for _, source := range sources {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Error(err)
		}
		if !slices.Contains(lines, "!"+source) {
			t.Errorf(".dockerignore keeps out %s", source)
		}
	}
	for _, folder := range neededFolders(t) {
		if top, _, _ := strings.Cut(folder, "/"); !slices.Contains(sources, top) {
			t.Errorf("the binary needs %s, which is not copied", folder)
		}
	}
}

// neededFolders are those of the project's packages that the binary is made of.
func neededFolders(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "./cmd/contour")
	cmd.Dir = root
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failure.Bytes())
	}
	var folders []string
	for _, path := range strings.Fields(string(out)) {
		folders = append(folders, strings.TrimPrefix(path, "github.com/contour-xds/contour/"))
	}
	if len(folders) < 2 {
		t.Fatalf("found %q", folders)
	}
	return folders
}
