package resources

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFileBytes bounds one file. A ConfigMap ends at 1 MiB; this is room for a
// file that a program wrote for a large fleet. Memory is bounded by [budget] rather:
// what is made of a file can be many times its size.
const maxFileBytes = 64 << 20

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// maxWalked bounds how many entries of a sub-folder are looked at, since a link may
// lead anywhere.
const maxWalked = 10_000

// holdsResourceFiles reports whether path is a folder, or a link to one, with a
// file in it or below it that would be read if it stood one level higher: nothing
// that looks like a resource is passed over in silence. What can't be looked into is.
func holdsResourceFiles(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return false
	}
	found, walked := false, 0
	// The separator at the end makes the walk follow a link. It returns no error of
	// its own, since the function returns none.
	_ = filepath.WalkDir(path+string(filepath.Separator), func(_ string, e fs.DirEntry, err error) error {
		walked++
		switch {
		case err != nil || e.IsDir() && hidden(e.Name()):
			return fs.SkipDir
		case walked > maxWalked:
			return fs.SkipAll
		case !e.IsDir() && !hidden(e.Name()) && isResourceFile(e.Name()):
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}
