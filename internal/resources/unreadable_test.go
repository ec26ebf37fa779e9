package resources

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func dangling(t *testing.T, path string) {
	t.Helper()
	if err := os.Symlink("nowhere", path); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatCanNotBeReadHidesNoOther(t *testing.T) {
	dir := folderOf(t, map[string]string{"b.yaml": resourcesOf(strings.Replace(cluster("x"), "1s", "1", 1), routeAway)})
	dangling(t, filepath.Join(dir, "a.yaml"))
	dangling(t, filepath.Join(dir, "c.json"))
	_, err := Read(Config{Dir: dir + string(filepath.Separator)})
	wantLines(t, strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""),
		"a.yaml: can't be read: no such file or directory",
		`b.yaml:4: cluster "x": connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`,
		"c.json: can't be read: no such file or directory")
}

func TestOnlyFilesThatCanNotBeRead(t *testing.T) {
	dir := t.TempDir()
	dangling(t, filepath.Join(dir, "a.yaml"))
	_, err := Read(Config{Dir: dir})
	if got := findings(t, err); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	const more = 50
	for i := range more {
		dangling(t, filepath.Join(dir, "b"+strconv.Itoa(i)+".yaml"))
	}
	_, err = Read(Config{Dir: dir})
	if got := findings(t, err); len(got) != 1+more {
		t.Errorf("very many: got %v", got)
	}
}
