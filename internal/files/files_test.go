package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/contour-xds/contour/internal/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 64

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadRefusesWhatIsNoReadableFile(t *testing.T) {
	rows := []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"a file that is missing", func(*testing.T, string) {}, fs.ErrNotExist},
		{"a folder", func(t *testing.T, path string) { write(t, filepath.Join(path, "x"), "") }, files.ErrNotRegular},
		{"a pipe, without waiting for a writer", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, files.ErrNotRegular},
		{"a file over the limit", func(t *testing.T, path string) { write(t, path, strings.Repeat("x", limit+1)) }, files.ErrTooLarge},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			row.make(t, path)
			_, err := files.Read([]string{path}, limit)
			var pathErr *fs.PathError
			if !errors.Is(err, row.want) || !errors.As(err, &pathErr) || pathErr.Path != path {
				t.Errorf("got %v, want %v of %s", err, row.want, path)
			}
		})
	}
}

func TestReadTakesAFileOfExactlyTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, strings.Repeat("x", limit))
	got, err := files.Read([]string{path}, limit)
	if err != nil || len(got[0].Data) != limit {
		t.Errorf("got %v, %v", got, err)
	}
}

// A mount is a folder as kubelet lays it out: files that are symbolic links into
// ..data, which is a symbolic link to a generation.
type mount struct {
	t    *testing.T
	dir  string
	next int
}

func newMount(t *testing.T, content map[string]string) *mount {
	m := &mount{t: t, dir: t.TempDir()}
	m.swap(content)
	for name := range content {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// swap publishes content as kubelet does: a new folder, then a rename over the
// link.
func (m *mount) swap(content map[string]string) {
	m.t.Helper()
	m.next++
	generation := "..generation-" + string(rune('a'+m.next%26))
	if err := os.RemoveAll(filepath.Join(m.dir, generation)); err != nil {
		m.t.Fatal(err)
	}
	for name, text := range content {
		write(m.t, filepath.Join(m.dir, generation, name), text)
	}
	next := filepath.Join(m.dir, "..data_tmp")
	if err := os.Symlink(generation, next); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(m.dir, "..data")); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// TestReadNeverMixesGenerations swaps the link as fast as it can while another
// goroutine reads: both files must always be of one generation.
func TestReadNeverMixesGenerations(t *testing.T) {
	generations := []map[string]string{{"cert": "1", "key": "1"}, {"cert": "2", "key": "2"}}
	m := newMount(t, generations[0])
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			got, err := files.Read([]string{m.path("cert"), m.path("key")}, limit)
			switch {
			case errors.Is(err, files.ErrUnstable), errors.Is(err, fs.ErrNotExist):
				// Read gave up, or a generation was removed under it: nothing wrong is told.
			case err != nil:
				t.Error(err)
			case string(got[0].Data) != string(got[1].Data):
				t.Errorf("mixed generations: cert %s, key %s", got[0].Data, got[1].Data)
			}
		}
	}()
	for i := range 2000 {
		m.swap(generations[i%2])
	}
	stop.Store(true)
	<-done
}

// follow runs a follower until the test ends and returns how often it called.
func follow(t *testing.T, cfg files.FollowConfig) <-chan struct{} {
	t.Helper()
	calls := make(chan struct{}, 100)
	f := files.NewFollower(cfg)
	done := make(chan error, 1)
	go func() { done <- f.Run(t.Context(), func() { calls <- struct{}{} }) }()
	t.Cleanup(func() { // t.Context has ended by now
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return calls
}

func wait(t *testing.T, calls <-chan struct{}) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(10 * time.Second):
		t.Fatal("the change was not announced")
	}
}

func TestFollowerAnnounces(t *testing.T) {
	rows := []struct {
		name   string
		change func(t *testing.T, m *mount)
	}{
		{"a swap of ..data", func(_ *testing.T, m *mount) { m.swap(map[string]string{"a": "2"}) }},
		{"a file removed", func(t *testing.T, m *mount) { remove(t, m.path("a")) }},
		{"an editor's rename over the file", func(t *testing.T, m *mount) {
			write(t, m.path(".a.swp"), "2")
			if err := os.Rename(m.path(".a.swp"), m.path("a")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a rewrite in place, behind the link", func(t *testing.T, m *mount) { write(t, m.path("a"), "22") }},
		{"the folder removed", func(t *testing.T, m *mount) { remove(t, m.dir) }},
	}
	for _, row := range rows {
		for _, by := range []string{"file", "folder"} {
			t.Run(row.name+", followed by "+by, func(t *testing.T) {
				m := newMount(t, map[string]string{"a": "1"})
				cfg := files.FollowConfig{Poll: 50 * time.Millisecond, Settle: time.Millisecond}
				if by == "file" {
					cfg.Files = []string{m.path("a")}
				} else {
					cfg.Trees = []files.Tree{{Dir: m.dir}}
				}
				calls := follow(t, cfg)
				row.change(t, m)
				wait(t, calls)
			})
		}
	}
}

func TestFollowerIsWokenByNotificationLongBeforeThePoll(t *testing.T) {
	m := newMount(t, map[string]string{"a": "1"})
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{{Dir: m.dir}}, Poll: time.Hour, Settle: time.Millisecond})
	time.Sleep(50 * time.Millisecond) // let the watch be in place: before it, only a poll would see
	m.swap(map[string]string{"a": "2"})
	wait(t, calls)
}

func TestFollowerFindsAFolderThatIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	write(t, filepath.Join(dir, "a"), "1")
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{{Dir: dir}}, Poll: 20 * time.Millisecond, Settle: time.Millisecond})
	remove(t, dir)
	wait(t, calls)
	write(t, filepath.Join(dir, "a"), "1")
	wait(t, calls)
}

func TestFollowerSeesAChangeBetweenConstructionAndRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "1")
	f := files.NewFollower(files.FollowConfig{Files: []string{path}, Poll: time.Hour, Settle: time.Millisecond})
	write(t, path, "22")
	called := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() { done <- f.Run(t.Context(), func() { called <- struct{}{} }) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	wait(t, called)
}

func TestFollowerAnnouncesEachPollWhenToldTo(t *testing.T) {
	m := newMount(t, map[string]string{"a": "1"})
	calls := follow(t, files.FollowConfig{Files: []string{m.path("a")}, Poll: 10 * time.Millisecond, EachPoll: true})
	for range 3 {
		wait(t, calls)
	}
}

func TestFollowerIsSilentWithoutAChange(t *testing.T) {
	m := newMount(t, map[string]string{"a": "1"})
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{{Dir: m.dir}}, Poll: time.Millisecond, Settle: time.Millisecond})
	write(t, m.path(".hidden"), "an editor's swap file")
	select {
	case <-calls:
		t.Error("announced a change where there was none")
	case <-time.After(200 * time.Millisecond):
	}
}

func TestWriteAtomicReplacesWithExactlyTheGivenMode(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "an older one, which nobody else could read")
	for _, text := range []string{"first", "second"} {
		if err := files.WriteAtomic(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text || info.Mode() != 0o644 {
			t.Errorf("got %q with mode %v, %v", got, info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left %v beside the file", entries)
	}
}

func TestWriteAtomicNamesAFolderThatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	err := files.WriteAtomic(path, nil, 0o644)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "its folder") {
		t.Errorf("got %v", err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}
