package files_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/files"
)

// below is a tree of dir, its folder "in" and the folders directly in that.
func below(dir string) files.Tree {
	return files.Tree{Dir: dir, Enter: func(path string) bool {
		return path == "in" || strings.HasPrefix(path, "in/") && strings.Count(path, "/") == 1
	}}
}

func all(string, files.Stamp) bool { return true }

// seen is an entry on one line: its path, with a slash behind a folder, and what it
// holds or why that can't be had.
func seen(entries []files.Entry) []string {
	lines := make([]string, 0, len(entries))
	for _, e := range entries {
		line := e.Path
		if e.Folder {
			line += "/"
		}
		if e.Data != nil {
			line += " = " + string(e.Data)
		}
		if e.Err != nil {
			line += ": " + files.Reason(e.Err)
		}
		lines = append(lines, line)
	}
	return lines
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestReadTreeReturnsWhatIsVisibleInTheFoldersThatBelongToIt(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, name := range []string{"b", "a", ".hidden", "..data/c", "out/d", "in/e", "in/deep/f", "in/deep/deeper/g", "in/.not/h"} {
		write(t, filepath.Join(dir, name), "of "+filepath.Base(name))
	}
	write(t, filepath.Join(elsewhere, "i"), "of i")
	link(t, elsewhere, filepath.Join(dir, "in", "linked"))
	link(t, "nowhere", filepath.Join(dir, "dangling"))
	write(t, filepath.Join(dir, "large"), strings.Repeat("x", limit+1))

	got, err := files.ReadTree(below(dir), limit, func(path string, _ files.Stamp) bool { return path != "b" })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a = of a", "b", "dangling: no such file or directory", "in/", "in/deep/", "in/deep/deeper/", "in/deep/f = of f", "in/e = of e",
		"in/linked/", "in/linked/i = of i", "large: larger than the limit", "out/",
	}
	if diff := cmp.Diff(want, seen(got)); diff != "" {
		t.Error(diff)
	}
}

func TestReadTreeOfNoFolder(t *testing.T) {
	if _, err := files.ReadTree(files.Tree{Dir: filepath.Join(t.TempDir(), "missing")}, limit, all); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// age makes a file as old as one that nobody has written for an hour.
func age(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// stampOf is the stamp of the only file in dir.
func stampOf(t *testing.T, dir string) files.Stamp {
	t.Helper()
	got, err := files.ReadTree(files.Tree{Dir: dir}, limit, all)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	return got[0].Stamp
}

func TestAStampIsOfContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	write(t, path, "1")
	if got := stampOf(t, dir); got != (files.Stamp{}) {
		t.Error("a file that was written just now has a stamp; the next writing could have the same one")
	}
	age(t, path)
	first := stampOf(t, dir)
	if first == (files.Stamp{}) || stampOf(t, dir) != first {
		t.Error("an old file has no stamp that stays")
	}
	rows := []struct {
		name   string
		change func()
	}{
		{"another size", func() { write(t, path, "22"); age(t, path) }},
		{"another time", func() {
			then := time.Now().Add(-time.Minute)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
		}},
		{"another file in its place", func() {
			write(t, path+".new", "1")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, row := range rows {
		before := stampOf(t, dir)
		row.change()
		if after := stampOf(t, dir); after == before || after == (files.Stamp{}) {
			t.Errorf("%s: the stamp is as it was, or none", row.name)
		}
	}
}

// TestReadTreeNeverMixesGenerations swaps a folder of a tree in two ways as fast as
// it can: files of one folder always belong together.
func TestReadTreeNeverMixesGenerations(t *testing.T) {
	generations := []map[string]string{{"cert": "1", "key": "1"}, {"cert": "2", "key": "2"}}
	for _, way := range []string{"..data in the folder", "the folder itself, a link"} {
		t.Run(way, func(t *testing.T) {
			m := newMount(t, generations[0])
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
				t.Fatal(err)
			}
			target := m.dir
			if way != "..data in the folder" {
				target = m.path("..data")
			}
			link(t, target, filepath.Join(dir, "in", "pair"))
			var stop atomic.Bool
			done := make(chan struct{})
			var good atomic.Int64
			go func() {
				defer close(done)
				for !stop.Load() {
					got, err := files.ReadTree(below(dir), limit, all)
					if err != nil {
						if !errors.Is(err, files.ErrUnstable) {
							t.Error(err)
						}
						continue
					}
					var pair []string
					for _, e := range got {
						if e.Err == nil && !e.Folder {
							pair = append(pair, string(e.Data))
						}
					}
					if len(pair) == 2 {
						good.Add(1)
						if pair[0] != pair[1] {
							t.Errorf("mixed generations: cert %s, key %s", pair[0], pair[1])
						}
					}
				}
			}()
			for i := 0; i < 500 || good.Load() == 0 && i < 100_000; i++ {
				m.swap(generations[i%2])
			}
			stop.Store(true)
			<-done
			if good.Load() == 0 {
				t.Error("the set was never read")
			}
		})
	}
}

// TestFollowerFollowsATree changes a tree step by step. No poll comes to its help:
// each folder must be watched from when it came.
func TestFollowerFollowsATree(t *testing.T) {
	dir := t.TempDir()
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{below(dir)}, Poll: time.Hour, Settle: time.Millisecond})
	time.Sleep(50 * time.Millisecond) // let the first watch be in place: before it, only a poll would see
	path := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	mkdir := func(path string) {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mounted := newMount(t, map[string]string{"a": "1"})
	steps := []struct {
		name   string
		change func()
	}{
		{"the folder comes", func() { mkdir(path("in")) }},
		{"a folder in it comes", func() { mkdir(path("in", "deep")) }},
		{"a file in that comes", func() { write(t, path("in", "deep", "a"), "1") }},
		{"the file changes", func() { write(t, path("in", "deep", "a"), "22") }},
		{"the folder is renamed away", func() {
			if err := os.Rename(path("in", "deep"), filepath.Join(t.TempDir(), "deep")); err != nil {
				t.Fatal(err)
			}
		}},
		{"another takes its place", func() { mkdir(path("in", "deep")) }},
		{"a file in that one comes", func() { write(t, path("in", "deep", "a"), "333") }},
		{"a link to a mount comes", func() { link(t, mounted.dir, path("in", "mount")) }},
		{"..data of the mount is swapped", func() { mounted.swap(map[string]string{"a": "2"}) }},
		{"the link leads to another folder", func() {
			other := t.TempDir()
			write(t, filepath.Join(other, "a"), "1")
			link(t, other, path(".next"))
			if err := os.Rename(path(".next"), path("in", "mount")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file behind the new link changes", func() { write(t, path("in", "mount", "a"), "22") }},
		{"all of it goes", func() { remove(t, path("in")) }},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			wait(t, calls)
			quiet(t, calls)
		})
	}
}

// quiet takes what else is announced of a change that consists of several.
func quiet(t *testing.T, calls <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-calls:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}

func TestFollowerOfATreeIsSilentAboutWhatDoesNotBelongToIt(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "in", "deep", "deeper", "a"), "1")
	calls := follow(t, files.FollowConfig{Trees: []files.Tree{below(dir)}, Poll: time.Millisecond, Settle: time.Millisecond})
	write(t, filepath.Join(dir, "in", ".hidden"), "1")
	write(t, filepath.Join(dir, "in", "deep", "deeper", "a"), "22")
	select {
	case <-calls:
		t.Error("announced a change where there was none")
	case <-time.After(200 * time.Millisecond):
	}
}

// BenchmarkReadTree reads 10,000 files, and only looks at as many, and says how much
// quicker that is.
func BenchmarkReadTree(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	if _, err := files.ReadTree(files.Tree{Dir: dir}, limit, all); err != nil {
		b.Fatal(err)
	}
	whole := time.Since(start)
	for b.Loop() {
		if _, err := files.ReadTree(files.Tree{Dir: dir}, limit, func(string, files.Stamp) bool { return false }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(whole), "times-reading-all")
}
