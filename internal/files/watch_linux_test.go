package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// watches counts what the kernel watches for this process.
func watches(t *testing.T) int {
	t.Helper()
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, info := range infos {
		data, err := os.ReadFile(info)
		if err == nil { // and not closed meanwhile
			count += strings.Count(string(data), "inotify wd:")
		}
	}
	return count
}

// TestAFolderThatIsReplacedIsWatchedNoMore leads a link to one folder after another,
// which all stay: the kernel has a limit of watches.
func TestAFolderThatIsReplacedIsWatchedNoMore(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{below(dir)}, Poll: 10 * time.Millisecond, Settle: time.Millisecond})
	for i := range 5 {
		link(t, t.TempDir(), filepath.Join(dir, ".next"))
		if err := os.Rename(filepath.Join(dir, ".next"), filepath.Join(dir, "in", "linked")); err != nil {
			t.Fatal(err)
		}
		wait(t, calls)
		quiet(t, calls)
		if got := watches(t); got != 3 {
			t.Fatalf("after %d folders, %d watches are held, want 3", i+1, got)
		}
	}
	remove(t, filepath.Join(dir, "in", "linked"))
	wait(t, calls)
	quiet(t, calls)
	if got := watches(t); got != 2 {
		t.Errorf("when the link is gone, %d watches are held, want 2", got)
	}
}
