package files

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Tree is a folder with those of its sub-folders that belong to it.
type Tree struct {
	// Dir is the folder.
	Dir string
	// Optional. Enter reports whether a sub-folder belongs to the tree, by its path
	// below Dir, with slashes on every system. It is asked of visible ones only, and
	// only inside of what was entered; a symbolic link to a folder is one, so that
	// Enter must bound how deep a tree goes. Unset means that none belongs to it.
	Enter func(path string) bool
}

// Entry is what a tree holds at one path.
type Entry struct {
	// Path is below the tree's folder, with slashes on every system.
	Path string
	// Folder says that it is a folder, or a symbolic link to one, entered or not.
	Folder bool
	// Data is the content of a file that was read, and nil otherwise. The receiver
	// owns it.
	Data []byte
	// Stamp is that of a file.
	Stamp Stamp
	// Err is why the entry can't be used: what it links to is missing, a folder may not
	// be listed, a file may not be read, [ErrNotRegular] or [ErrTooLarge].
	Err error
}

// Stamp stands for a file's content as far as the file system tells it: a file
// whose stamp is as it was has its content as it was. The zero Stamp says nothing,
// and is that of a file so young that it could be written once more within the
// same tick of the file system's clock.
type Stamp struct {
	inode          uint64
	size, modified int64
	mode           fs.FileMode
}

// young is the age up to which a file has no stamp. File systems keep times by the
// kernel's tick, of some milliseconds; the coarsest one in use, FAT, by two seconds.
const young = 2 * time.Second

func stampOf(info fs.FileInfo, now time.Time) Stamp {
	if now.Sub(info.ModTime()) <= young {
		return Stamp{}
	}
	return Stamp{inode: inode(info), size: info.Size(), modified: info.ModTime().UnixNano(), mode: info.Mode()}
}

// ReadTree returns the visible entries of a tree as one consistent set in the sense
// of [Read], folders before what is in them, and each folder's sorted by name. It
// reads the files that read asks for, by their path and [Stamp], up to limit bytes
// each: a caller that remembers what it made of a stamp need not have it again. read
// may be asked more than once of a file.
//
// What is wrong with a part of the tree is that entry's Err, so that one file that
// can't be read hides nothing of the rest. ReadTree fails when the folder itself
// can't be listed, and with [ErrUnstable] when the set would not hold still.
func ReadTree(t Tree, limit int64, read func(path string, s Stamp) bool) ([]Entry, error) {
	var w *walk
	sign := func() (signature, error) {
		w = t.walk()
		return w.sum(), w.err
	}
	return readStable(sign, func() ([]Entry, error) {
		entries := w.entries
		for i := range entries {
			e := &entries[i]
			if e.Folder || e.Err != nil || !read(e.Path, e.Stamp) {
				continue
			}
			e.Data, e.Err = readOne(filepath.Join(t.Dir, filepath.FromSlash(e.Path)), limit)
		}
		return entries, nil
	})
}

// walk is one look at a tree.
type walk struct {
	tree    Tree
	now     time.Time
	entries []Entry
	// folders are those that belong to the tree, the tree's own among them.
	folders []folder
	signed  strings.Builder
	// err is why the tree's own folder can't be listed.
	err error
}

// folder is a folder at a path; another one that takes its place has another inode.
type folder struct {
	path  string
	inode uint64
}

func (t Tree) walk() *walk {
	w := &walk{tree: t, now: time.Now()}
	w.err = w.folder(folderAt(t.Dir), "")
	return w
}

// folderAt looks at a folder, which need not be there.
func folderAt(path string) folder {
	f := folder{path: path}
	if info, err := os.Stat(path); err == nil {
		f.inode = inode(info)
	}
	return f
}

// sum is the signature of what was seen.
func (w *walk) sum() signature {
	if w.err != nil {
		return signature(w.err.Error())
	}
	return signature(w.signed.String())
}

// folder looks at the entries of a folder that belongs to the tree, whose path below
// it is at.
func (w *walk) folder(f folder, at string) error {
	w.folders = append(w.folders, f)
	listed, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	signLink(&w.signed, f.path)
	for _, e := range listed {
		if !hidden(e.Name()) {
			w.entry(filepath.Join(f.path, e.Name()), path.Join(at, e.Name()))
		}
	}
	return nil
}

func (w *walk) entry(full, at string) {
	info, err := os.Stat(full)
	if err != nil {
		signError(&w.signed, err)
		w.entries = append(w.entries, Entry{Path: at, Err: err})
		return
	}
	if !info.IsDir() {
		signInfo(&w.signed, full, info)
		w.entries = append(w.entries, Entry{Path: at, Stamp: stampOf(info, w.now)})
		return
	}
	i := len(w.entries)
	w.entries = append(w.entries, Entry{Path: at, Folder: true})
	if w.tree.Enter == nil || !w.tree.Enter(at) {
		signInfo(&w.signed, full, info)
		return
	}
	// Its time changes with every hidden file, and what is in it is signed anyway.
	signFolder(&w.signed, full, info)
	if err := w.folder(folder{full, inode(info)}, at); err != nil {
		signError(&w.signed, err)
		w.entries[i].Err = err
	}
}

// Reason returns what is wrong with a file in the operating system's words, or in
// those of this package, without its path.
func Reason(err error) string {
	var one *fs.PathError
	if errors.As(err, &one) {
		err = one.Err
	}
	return err.Error()
}
