//go:build long

package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What the tests stamp, and the archives are called by. The date is that of a
// commit, and no machine's clock has it.
const (
	version = "v9.8.7-test"
	commit  = "0123456789abcdef0123456789abcdef01234567"
	date    = "1700000000"
	archive = "contour-" + version + "-linux-amd64"
)

// TestLongReleaseAndImageAreReproducible builds twice, in folders of their own,
// and a third time as the image is built, with nothing in Go's build cache.
func TestLongReleaseAndImageAreReproducible(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the binaries that it runs are of linux on amd64")
	}
	first := release(t, filepath.Join(t.TempDir(), "first"), "linux-amd64 darwin-arm64")
	second := release(t, filepath.Join(t.TempDir(), "a", "folder", "of", "another", "name"), "linux-amd64")
	for _, suffix := range []string{".tar.gz", ".cdx.json"} {
		if !bytes.Equal(read(t, filepath.Join(first, archive+suffix)), read(t, filepath.Join(second, archive+suffix))) {
			t.Errorf("two builds differ in %s%s", archive, suffix)
		}
	}
	files := unpack(t, filepath.Join(first, archive+".tar.gz"))
	t.Run("checksums are of all files", func(t *testing.T) { checkSums(t, first) })
	t.Run("the archive holds what belongs to the binary", func(t *testing.T) { checkArchive(t, files) })
	t.Run("the list says what is inside the binary", func(t *testing.T) { checkList(t, filepath.Join(first, archive+".cdx.json")) })

	binary := filepath.Join(t.TempDir(), "contour")
	if err := os.WriteFile(binary, files[archive+"/contour"].data, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("the binary is static", func(t *testing.T) { checkStatic(t, binary) })
	t.Run("the documents say its size", func(t *testing.T) { checkSize(t, binary) })
	t.Run("the binary says what it is", func(t *testing.T) {
		out, err := exec.Command(binary, "version").CombinedOutput()
		want := fmt.Sprintf("contour %s (commit %s, %s linux/amd64)\n", version, commit, runtime.Version())
		if err != nil || string(out) != want {
			t.Errorf("got %v, %q, want %q", err, out, want)
		}
	})
	t.Run("the image's binary is the same", func(t *testing.T) {
		if !bytes.Equal(read(t, binary), read(t, imageBinary(t))) {
			t.Error("the Dockerfile builds another binary from the same source")
		}
	})
	t.Run("the image's binary serves alone in its file system", func(t *testing.T) { checkAlone(t, binary) })
}

// release copies the project to dir, makes a release there, and returns the
// folder of the results.
func release(t *testing.T, dir, platforms string) string {
	t.Helper()
	copySource(t, dir, ".")
	tools, err := filepath.Abs(filepath.Join(root, ".tools"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("make", "release", "PLATFORMS="+platforms, "TOOLS="+tools,
		"VERSION="+version, "COMMIT="+commit, "SOURCE_DATE_EPOCH="+date)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "dist")
}

// notSource is what git ignores, and git's own.
var notSource = []string{".git", ".tools", ".demo", "bin", "dist", "certificates"}

// copySource copies files and folders of the project to dir.
func copySource(t *testing.T, dir string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		source := filepath.Join(root, path)
		err := filepath.WalkDir(source, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(root, path)
			switch {
			case err != nil:
				return err
			case slices.Contains(notSource, inside) && entry.IsDir():
				return filepath.SkipDir
			case slices.Contains(notSource, inside): // a link to such a folder
				return nil
			case entry.IsDir():
				return os.MkdirAll(filepath.Join(dir, inside), 0o755)
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, inside), read(t, path), info.Mode())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// packed is a file of an archive.
type packed struct {
	header *tar.Header
	data   []byte
}

func unpack(t *testing.T, path string) map[string]packed {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]packed)
	for archived := tar.NewReader(zipped); ; {
		header, err := archived.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archived)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = packed{header, data}
	}
}

func checkArchive(t *testing.T, files map[string]packed) {
	for _, name := range []string{
		"contour", "LICENSE", "README.md", "CHANGELOG.md",
		"man/contour.1", "man/contour-serve.1", "man/contour-bootstrap.1", "man/contour-validate.1",
		"completions/contour.bash", "completions/_contour", "completions/contour.fish", "completions/contour.ps1",
	} {
		if len(files[archive+"/"+name].data) == 0 {
			t.Errorf("it has no %s", name)
		}
	}
	for name, file := range files {
		if h := file.header; fmt.Sprint(h.ModTime.Unix()) != date || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s has the date %v and the owner %d:%d %q", name, h.ModTime.UTC(), h.Uid, h.Gid, h.Uname)
		}
	}
	if page := string(files[archive+"/man/contour.1"].data); !strings.Contains(page, "contour "+version) || !strings.Contains(page, "Nov 2023") {
		t.Errorf("the man page does not say of which version and date it is: %.100s", page)
	}
}

func checkSums(t *testing.T, dist string) {
	entries, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, entry := range entries {
		if name := entry.Name(); name != "SHA256SUMS" {
			fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(read(t, filepath.Join(dist, name))), name)
		}
	}
	if got := string(read(t, filepath.Join(dist, "SHA256SUMS"))); got != want.String() || len(entries) != 5 {
		t.Errorf("got\n%swant, of the four files of two platforms,\n%s", got, want.String())
	}
}

// checkList holds the list of modules to what the go command knows of the binary.
func checkList(t *testing.T, path string) {
	var list struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(read(t, path), &list); err != nil {
		t.Fatal(err)
	}
	if c := list.Metadata.Component; list.BOMFormat != "CycloneDX" || c.Name != "github.com/contour-xds/contour" || c.Version != version {
		t.Errorf("it is a list of %+v in format %q", c, list.BOMFormat)
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/contour")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Compact(slices.Sorted(slices.Values(strings.Split(strings.TrimSpace(string(out)), "\n"))))
	want = append(slices.DeleteFunc(want, func(line string) bool { return line == "" }), "std "+runtime.Version())
	var got []string
	for _, c := range list.Components {
		got = append(got, c.Name+" "+c.Version)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it lists\n%s\nand the binary is made of\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkSize lets the size grow by a tenth before the page must be written anew.
func checkSize(t *testing.T, binary string) {
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(root, "docs", "reference", "releases.md"))
	var said float64
	for line := range strings.Lines(string(page)) {
		if size, found := strings.CutPrefix(line, "| binary | "); found {
			_, err = fmt.Sscanf(size, "%f MB", &said)
		}
	}
	if is := float64(info.Size()) / 1e6; err != nil || math.Abs(is-said) > said/10 {
		t.Errorf("it has %.0f MB, and docs/reference/releases.md says %.0f: %v", is, said, err)
	}
}

func checkStatic(t *testing.T, binary string) {
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment %v: it needs a loader", segment.Type)
		}
	}
	if libraries, err := file.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("it needs the libraries %q", libraries)
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Error("it has symbols that nobody needs in production")
	}
}
