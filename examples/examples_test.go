// Package examples_test holds the examples to what contour itself demands.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/resources"
	contourtest "github.com/contour-xds/contour/test/contour"
)

func TestMain(m *testing.M) { os.Exit(contourtest.RunTests(m)) }

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
	snapshots, err := resources.Read(resources.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	snapshot := snapshots.For("")
	for _, typ := range resources.Types() {
		if typ.Label == "secret" && len(snapshot.Resources(typ.URL)) != 1 {
			t.Errorf("got %d secrets", len(snapshot.Resources(typ.URL)))
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "secret.yaml")); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("secret.yaml: %v, %v; it holds a key, and others may read it", info.Mode(), err)
	}
}

// TestResourcesReadAsTheirDocumentSays runs the commands of resources/README.md, and
// holds what they print to what stands there.
func TestResourcesReadAsTheirDocumentSays(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for target, name := range map[string]string{here: "examples", contourtest.Binary(t): "bin/contour"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-c", `fail() { exit 1; }; source "$1/demo/commands.sh"; run_document "$1/resources/README.md"`, "bash", here)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("running the commands of resources/README.md: %v (is openssl installed?)\n%s", err, out)
	}
	said := regexp.MustCompile(`\S+/tmp\.\w+`).ReplaceAllString(string(out), "/tmp/tmp.Xb1Nq0")
	page, err := os.ReadFile(filepath.Join("resources", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/tmp/tmp.Xb1Nq0 is valid: cluster 1, endpoint 1, listener 1, route 1\n/tmp/tmp.Xb1Nq0, group \"edge\": cluster 2, endpoint 1, listener 1, route 1\n",
		"/tmp/tmp.Xb1Nq0 is valid: secret 1, cluster 1, endpoint 1, listener 2, route 1\n/tmp/tmp.Xb1Nq0, group \"edge\": secret 1, cluster 2, endpoint 1, listener 2, route 1\n",
	} {
		if !strings.Contains(string(page), want) || !strings.Contains(said, want) {
			t.Errorf("the page and the commands do not say the same: want\n%s\ngot\n%s", want, said)
		}
	}
	if strings.Contains(said, "warning") {
		t.Errorf("warned without a reason:\n%s", said)
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
