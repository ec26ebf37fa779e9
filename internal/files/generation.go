package files

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// generation writes the set into a new folder below dir.
func (w setWriter) generation(dir string) (string, error) {
	var made string
	err := w.do(func() (err error) {
		made, err = os.MkdirTemp(dir, time.Now().UTC().Format(generationAge))
		return err
	})
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(w.set)) {
		if err := w.do(func() error { return writeNew(filepath.Join(made, name), w.set[name], w.perm) }); err != nil {
			return "", err
		}
	}
	return made, syncDir(made)
}

// writeNew writes a file that is not there yet, and flushes it to disk. The key in
// it is at no time readable by more than perm allows.
func writeNew(path string, data []byte, perm os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm&0o700)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
}

// link makes the name in dir a symbolic link to target, in place of whatever file
// or link it was.
func (w setWriter) link(dir, target, name string) error {
	next := filepath.Join(dir, nextLink)
	if err := w.do(func() error { return os.Symlink(target, next) }); err != nil {
		return err
	}
	return w.do(func() error { return os.Rename(next, filepath.Join(dir, name)) })
}

// linkNames gives each file of the set its name in dir.
func (w setWriter) linkNames(dir string) error {
	for _, name := range slices.Sorted(maps.Keys(w.set)) {
		if linked(dir, name) {
			continue
		}
		if err := w.link(dir, filepath.Join(dataLink, name), name); err != nil {
			return err
		}
	}
	return nil
}

// dropNames takes the names of files that the set no longer has.
func (w setWriter) dropNames(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if _, kept := w.set[name]; kept || !linked(dir, name) {
			continue
		}
		if err := w.do(func() error { return os.Remove(filepath.Join(dir, name)) }); err != nil {
			return err
		}
	}
	return nil
}

// linked tells whether a name in dir is a link into ..data.
func linked(dir, name string) bool {
	target, err := os.Readlink(filepath.Join(dir, name))
	return err == nil && target == filepath.Join(dataLink, name)
}

// sweep removes generations that are not in force, and a link that was not yet
// moved to its place.
func (w setWriter) sweep(dir string) error {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if name == current || name != nextLink && !isGeneration(entry) {
			continue
		}
		if err := w.do(func() error { return os.RemoveAll(filepath.Join(dir, name)) }); err != nil {
			return err
		}
	}
	return nil
}

// isGeneration knows the folders that generation makes from those of others.
func isGeneration(entry fs.DirEntry) bool {
	name := entry.Name()
	if !entry.IsDir() || len(name) < len(generationAge) {
		return false
	}
	_, err := time.Parse(strings.TrimSuffix(generationAge, "."), name[:len(generationAge)-1])
	return err == nil
}

// syncDir flushes what names a folder has, without which a rename may be lost when
// the machine loses power.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
