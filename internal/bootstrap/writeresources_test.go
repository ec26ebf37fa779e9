package bootstrap_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certtest"
)

func TestEveryUserCanReadTheResourcesWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "sds")
	resources := writeFollowing(t, filepath.Join(t.TempDir(), "envoy.json"), secure(resourcesIn(dir)))
	wantMode(t, dir, 0o755)
	for _, resource := range resources {
		wantMode(t, resource.Path, 0o644)
	}
}

// TestAFolderThatIsThereKeepsItsMode may belong to someone who chose it.
func TestAFolderThatIsThereKeepsItsMode(t *testing.T) {
	dir := mkdir(t, t.TempDir(), "sds")
	writeFollowing(t, filepath.Join(t.TempDir(), "envoy.json"), secure(resourcesIn(dir)))
	wantMode(t, dir, 0o700)
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
	}
}

func resourcesIn(dir string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.ResourcesDir = dir }
}

// TestTheBootstrapMayBeBesideItsResources also where their folder is yet to be made.
func TestTheBootstrapMayBeBesideItsResources(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	writeFollowing(t, filepath.Join(dir, "envoy.yaml"), secure(resourcesIn(dir)))
	if found, err := os.ReadDir(dir); err != nil || len(found) != 3 {
		t.Errorf("the folder has %v, %v", found, err)
	}
}

// TestResourcesAreWrittenBeforeTheBootstrap looks at the moment at which the bootstrap
// is written to standard output.
func TestResourcesAreWrittenBeforeTheBootstrap(t *testing.T) {
	cfg := secure(resourcesIn(filepath.Join(t.TempDir(), "sds")))
	message, err := bootstrap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := bootstrap.NewResources(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = bootstrap.Write("-", looking(func(data []byte) {
		for _, resource := range resources {
			if _, err := os.Stat(resource.Path); err != nil {
				t.Error(err)
			}
		}
		out.Write(data)
	}), message, resources...)
	if err != nil || !strings.Contains(out.String(), resources[0].Path) {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

type looking func([]byte)

func (l looking) Write(data []byte) (int, error) {
	l(data)
	return len(data), nil
}

func TestNothingIsWrittenWhenOneFileCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		// path and dir are below a folder that arrange prepares.
		path, dir string
		arrange   func(t *testing.T, below string)
		want      []string
	}{
		"the bootstrap is binary protobuf": {"envoy.pb", "sds", nil, []string{"protobuf"}},
		"the bootstrap has no folder":      {"no/envoy.json", "sds", nil, []string{"envoy.json", "folder", "no such file"}},
		"the bootstrap is a folder":        {"d.json", "sds", func(t *testing.T, below string) { mkdir(t, below, "d.json") }, []string{"is a folder"}},
		"the bootstrap is one of them":     {"sds/xds-trust.json", "sds/.", nil, []string{"xds-trust.json", "file of --resources-dir", "give another path"}},
		"the folder has no folder":         {"envoy.json", "no/sds", nil, []string{"--resources-dir", "no/sds", "no such file"}},
		"the folder is a file": {"envoy.json", "sds", func(t *testing.T, below string) {
			certtest.WriteFile(t, filepath.Join(below, "sds"), nil)
		}, []string{"--resources-dir", "no folder", "give the path of one"}},
		"one of them is a folder": {"envoy.json", "sds", func(t *testing.T, below string) {
			mkdir(t, mkdir(t, below, "sds"), "xds-trust.json")
		}, []string{"--resources-dir", "xds-trust.json", "is a folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			below := t.TempDir()
			if test.arrange != nil {
				test.arrange(t, below)
			}
			cfg := secure(resourcesIn(below + "/" + test.dir))
			message, err := bootstrap.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			resources, err := bootstrap.NewResources(cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = bootstrap.Write(filepath.Join(below, test.path), nil, message, resources...)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
			wantNoFiles(t, below)
		})
	}
}

// wantNoFiles looks for files that are not empty.
func wantNoFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			t.Errorf("%s was written", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
