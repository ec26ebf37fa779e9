package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// The names by which [WriteSet] lays out a folder, as kubelet does a mounted Secret.
const (
	nextLink      = "..next"
	generationAge = "..2006_01_02_15_04_05."
	// building is a folder that is not yet there under its own name.
	building = ".new"
)

// WriteSet makes the files of a folder exactly those of set, all of them at one
// moment. It lays them out as kubelet does: each name is a symbolic link into
// ..data, itself a link to the folder of one generation, and a rename changes that.
// [Read] returns one generation or the other, and an Envoy whose watched_directory
// is dir notices the rename. Each file has the permissions perm, whatever the
// umask; the folders are for their owner alone.
//
// A folder that is missing appears complete. Where dir has ordinary files of these
// names, links take their place; others are left alone. A process that is killed
// midway leaves the old set or the new one, and what else it leaves is swept by
// the next call. Calls for one folder must not run at the same time: [Lock] it, or
// a folder around it. On failure the old set stays as it was.
func WriteSet(dir string, set map[string][]byte, perm os.FileMode) error {
	w := setWriter{set: set, perm: perm, step: func() error { return nil }}
	if err := w.write(dir); err != nil {
		return fmt.Errorf("writing the files of %q: %w", dir, err)
	}
	return nil
}

// setWriter writes one set. It has no deferred steps, so that a test that stops it
// anywhere leaves what a killed process would.
type setWriter struct {
	set  map[string][]byte
	perm os.FileMode
	// step is called before each change on disk, which its error prevents.
	step func() error
}

func (w setWriter) write(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return w.create(dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%q is not a folder", dir)
	}
	return w.replace(dir)
}

// create builds the folder beside its place, and moves it there.
func (w setWriter) create(dir string) error {
	parent, base := filepath.Split(filepath.Clean(dir))
	if parent == "" {
		parent = "."
	}
	temporary := filepath.Join(parent, "."+base+building)
	err := w.do(func() error { return os.RemoveAll(temporary) })
	if err == nil {
		err = w.do(func() error { return os.Mkdir(temporary, 0o700) })
	}
	if err == nil {
		err = w.replace(temporary)
	}
	if err == nil {
		err = w.do(func() error { return os.Rename(temporary, dir) })
	}
	if err != nil {
		return err
	}
	return syncDir(parent)
}

// replace changes the set of a folder that is there.
func (w setWriter) replace(dir string) error {
	if err := w.sweep(dir); err != nil { // of a run that was killed
		return err
	}
	generation, err := w.generation(dir)
	if err != nil {
		return err
	}
	// Names that are new lead nowhere until the rename, and from then on to all that
	// there is. Only where nothing is linked yet, the first rename has to come first.
	steps := []func() error{
		func() error { return w.linkNames(dir) },
		func() error { return w.link(dir, filepath.Base(generation), dataLink) },
	}
	if _, err := os.Lstat(filepath.Join(dir, dataLink)); err != nil {
		slices.Reverse(steps)
	}
	for _, step := range append(steps,
		func() error { return syncDir(dir) },
		func() error { return w.dropNames(dir) },
		func() error { return w.sweep(dir) },
		func() error { return syncDir(dir) },
	) {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (w setWriter) do(change func() error) error {
	if err := w.step(); err != nil {
		return err
	}
	return change()
}
