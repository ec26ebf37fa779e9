// Package examples_test holds the examples to what contour itself demands.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/resources"
)

func TestResourcesAreValidAsTheyStand(t *testing.T) {
	if _, err := resources.Read(resources.Config{Dir: "resources"}); err != nil {
		t.Error(err)
	}
}

// TestHTTPSIsValidBesideThem follows https/README.md.
func TestHTTPSIsValidBesideThem(t *testing.T) {
	dir := t.TempDir()
	for _, pattern := range []string{"resources/*.yaml", "https/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(file, "/", "-")), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := resources.Read(resources.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), `Secret "web"`) {
		t.Errorf("got %v; without its secret the listener is to be refused", err)
	}

	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", `fail() { exit 1; }; source "$1/demo/commands.sh"; run_document "$1/https/README.md" "## Make the secret"`,
		"bash", here)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("running the commands of https/README.md: %v (is openssl installed?)\n%s", err, out)
	}
	snapshot, err := resources.Read(resources.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range resources.Types() {
		if typ.Label == "secret" && len(snapshot.Resources(typ.URL)) != 1 {
			t.Errorf("got %d secrets", len(snapshot.Resources(typ.URL)))
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "secret.yaml")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("secret.yaml: %v, %v; it holds a key, and others may read it", info.Mode(), err)
	}
}

// TestNoPrivateKeyIsCommitted looks at everything that could be, in this folder.
func TestNoPrivateKeyIsCommitted(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "PRIVATE "+"KEY") {
			t.Errorf("%s holds a private key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
