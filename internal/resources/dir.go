package resources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/contour-xds/contour/internal/files"
)

// maxFileBytes bounds one file. A ConfigMap ends at 1 MiB; this is room for a
// file that a program wrote for a large fleet. Memory is bounded by [budget] rather:
// what is made of a file can be many times its size.
const maxFileBytes = 64 << 20

// maxUnreadable bounds the files that are left out for the sake of the others, since
// each of them means that all are read anew.
const maxUnreadable = 20

// readFiles returns the files that can be read, as one consistent set, and a finding
// for each that can't: one dangling link is not to hide what is wrong with the rest.
func readFiles(dir string) ([]files.File, Errors, error) {
	var errs Errors
	unreadable := map[string]bool{}
	for {
		set, err := files.ReadDir(dir, func(name string) bool { return isResourceFile(name) && !unreadable[name] }, maxFileBytes)
		var one *fs.PathError
		if err == nil {
			return set, errs, nil
		}
		if !errors.As(err, &one) || one.Path == dir || filepath.Dir(one.Path) != filepath.Clean(dir) || len(errs) == maxUnreadable {
			return nil, nil, err
		}
		unreadable[filepath.Base(one.Path)] = true
		errs = append(errs, Finding{File: one.Path, Problem: "can't be read: " + one.Err.Error()})
	}
}

// subFolders refuses folders whose files would be read a level higher: nothing
// that looks like a resource is passed over in silence.
func subFolders(dir string) (Errors, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var errs Errors
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); !hidden(e.Name()) && holdsResourceFiles(sub) {
			errs = append(errs, Finding{File: sub, Problem: "is a folder with resource files, which is not entered: put the files into the folder above"})
		}
	}
	return errs, nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// maxWalked bounds how many entries of a sub-folder are looked at, since a link may
// lead anywhere.
const maxWalked = 10_000

// holdsResourceFiles reports whether path is a folder, or a link to one, with a
// file in it or below it that would be read if it stood one level higher. What
// can't be looked into is passed over.
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
