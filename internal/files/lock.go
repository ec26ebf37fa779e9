package files

import (
	"errors"
	"fmt"
	"os"
)

// ErrLocked says that another process has the folder.
var ErrLocked = errors.New("another process is writing there; wait for it to end")

// ErrMoved says that a folder that is locked was moved away, or removed.
var ErrMoved = errors.New("the folder that this process has locked is no longer at its path")

// Locked is a folder that this process keeps others from. Its methods are for one
// goroutine.
type Locked struct {
	dir string
	// folder is what the lock is on, whatever is at dir by now.
	folder *os.File
}

// Lock keeps other processes that lock the same folder from it until [Locked.Unlock] is
// called or this process ends, however it ends. It does not wait: a folder that is
// locked is [ErrLocked]. Where the system has no locks of this kind, it keeps nobody
// from it.
func Lock(dir string) (*Locked, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	l := &Locked{dir: dir, folder: f}
	if err := flock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	if err := l.Hold(); err != nil { // it was moved before the lock was had
		l.Unlock()
		return nil, err
	}
	return l, nil
}

// Hold is an error unless the folder at the path is the one that is locked, by device and
// inode: [ErrMoved] where it is another one, or none. A lock goes with its folder, and
// paths do not, so that a process would go on in a folder whose lock it does not have.
func (l *Locked) Hold() error {
	have, err := l.folder.Stat()
	if err != nil {
		return fmt.Errorf("looking at the folder that is locked: %w", err)
	}
	switch now, err := os.Stat(l.dir); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: nothing is at %q; bring it back", ErrMoved, l.dir)
	case err != nil:
		return fmt.Errorf("looking for the folder that is locked: %w", err)
	case !os.SameFile(have, now):
		return fmt.Errorf("%w: another one is at %q; bring the first one back, or restart this process to go on with the other", ErrMoved, l.dir)
	}
	return nil
}

// Unlock lets others have the folder.
func (l *Locked) Unlock() {
	// Not by closing alone: a child that another goroutine is just starting has the file
	// too, until it executes, and with it the lock.
	unflock(l.folder)
	_ = l.folder.Close()
}
