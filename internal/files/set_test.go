package files

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// errKilled stands for the end of the process: nothing of the writer runs after it.
var errKilled = errors.New("killed")

// killedAfter writes set, and stops before the change number n+1. It tells whether
// the writer came to its end.
func killedAfter(t *testing.T, n int, dir string, set map[string][]byte) bool {
	t.Helper()
	w := setWriter{set: set, perm: 0o600, step: func() error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	}}
	err := w.write(dir)
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	return err == nil
}

func set(generation string, names ...string) map[string][]byte {
	made := make(map[string][]byte)
	for _, name := range names {
		made[name] = []byte(generation)
	}
	return made
}

// inForce is what a reader finds under the names of a folder.
func inForce(t *testing.T, dir string, names ...string) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case err == nil:
			found[name] = data
		case !errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		}
	}
	return found
}

func same(a, b map[string][]byte) bool {
	return maps.EqualFunc(a, b, func(x, y []byte) bool { return string(x) == string(y) })
}

// TestWriteSetKilledAnywhereLeavesOneSetWhole kills the writer before each of its
// changes in turn, and then lets it run again.
func TestWriteSetKilledAnywhereLeavesOneSetWhole(t *testing.T) {
	rows := []struct {
		name     string
		old, new map[string][]byte
	}{
		{"a folder that is not there yet", nil, set("new", "cert", "key")},
		{"the same names", set("old", "cert", "key"), set("new", "cert", "key")},
		{"a further name", set("old", "cert", "key"), set("new", "cert", "key", "next")},
		{"a name less", set("old", "cert", "key", "next"), set("new", "cert", "key")},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			for n, done := 0, false; !done; n++ {
				dir := filepath.Join(t.TempDir(), "set")
				if row.old != nil {
					if err := WriteSet(dir, row.old, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				done = killedAfter(t, n, dir, row.new)
				got := inForce(t, dir, "cert", "key", "next")
				if !same(got, row.old) && !same(got, row.new) {
					t.Fatalf("killed after %d changes, a reader finds %q", n, got)
				}
				wantRepaired(t, dir, row.new)
			}
		})
	}
}

// wantRepaired runs the writer again, and looks for what it should have swept.
func wantRepaired(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	if err := WriteSet(dir, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := inForce(t, dir, "cert", "key", "next"); !same(got, want) {
		t.Errorf("after a second run, a reader finds %q, want %q", got, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want)+2 { // the link, and what it leads to
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if beside, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(beside) != 1 {
		t.Errorf("beside the folder there are %v, %v", beside, err)
	}
}

func TestWriteSetTakesOverAFolderOfOrdinaryFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"cert": "old", "key": "old", "notes": "mine", ".hidden": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteSet(dir, set("new", "cert", "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := set("new", "cert", "key")
	maps.Copy(want, set("mine", "notes", ".hidden"))
	if got := inForce(t, dir, "cert", "key", "notes", ".hidden"); !same(got, want) {
		t.Errorf("got %q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "key")); err != nil || info.Mode() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
}

func TestWriteSetNamesAFolderThatItCannotHave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteSet(file, set("new", "cert"), 0o600); err == nil {
		t.Error("took a file for a folder")
	}
	if err := WriteSet(filepath.Join(file, "dir"), set("new", "cert"), 0o600); err == nil {
		t.Error("made a folder in a file")
	}
}

func TestLockIsForOneAtATime(t *testing.T) {
	dir := t.TempDir()
	locked, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want %v", err, ErrLocked)
	}
	locked.Unlock()
	again, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
}
