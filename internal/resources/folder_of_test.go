package resources

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folderOf writes files into a new folder. A name may have folders before it.
func folderOf(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readFolder reads the files, and returns what stands at the top, or the error with the
// folder's own path taken out of it.
func readFolder(t testing.TB, files map[string]string, external ...string) (*Snapshot, string) {
	t.Helper()
	dir := folderOf(t, files)
	snapshots, err := Read(Config{Dir: dir, ExternalClusters: external})
	if err == nil {
		return snapshots.For(""), ""
	}
	if snapshots != nil {
		t.Error("Read returned a snapshot beside an error")
	}
	return nil, strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
}

// readYAML reads one YAML file.
func readYAML(t testing.TB, content string, external ...string) (*Snapshot, string) {
	t.Helper()
	return readFolder(t, map[string]string{"a.yaml": content}, external...)
}

func findings(t testing.TB, err error) Errors {
	t.Helper()
	var found Errors
	if !errors.As(err, &found) {
		t.Fatalf("got %v, want findings", err)
	}
	return found
}

func wantLines(t *testing.T, got string, want ...string) {
	t.Helper()
	if got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// cluster is a good resource of that name.
func cluster(name string) string {
	return `
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: ` + name + `
  connect_timeout: 1s
  type: STATIC
`
}

func resourcesOf(items ...string) string { return "resources:" + strings.Join(items, "") }
