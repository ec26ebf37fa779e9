package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/files"
)

// TestALockIsHeldWhereItsFolderIs moves the folder away, has others come in its place, and
// brings it back.
func TestALockIsHeldWhereItsFolderIs(t *testing.T) {
	parent := t.TempDir()
	dir, aside := filepath.Join(parent, "dir"), filepath.Join(parent, "aside")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(dir, 0o700))
	locked, err := files.Lock(dir)
	must(err)
	defer locked.Unlock()
	must(locked.Hold())

	must(os.Rename(dir, aside))
	if err := locked.Hold(); !errors.Is(err, files.ErrMoved) || !strings.Contains(err.Error(), "nothing is at") {
		t.Errorf("with nothing in its place: %v", err)
	}
	must(os.Mkdir(dir, 0o700))
	if err := locked.Hold(); !errors.Is(err, files.ErrMoved) || !strings.Contains(err.Error(), "another one is at") {
		t.Errorf("with another in its place: %v", err)
	}
	other, err := files.Lock(dir)
	must(err)
	other.Unlock()
	must(os.Remove(dir))
	must(os.Symlink(aside, dir))
	if err := locked.Hold(); err != nil {
		t.Errorf("with a link to it in its place: %v", err)
	}
	must(os.Remove(dir))
	must(os.Rename(aside, dir))
	if err := locked.Hold(); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	if _, err := files.Lock(dir); !errors.Is(err, files.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
}
