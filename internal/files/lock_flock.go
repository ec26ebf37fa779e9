//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package files

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another process has the folder.
var ErrLocked = errors.New("another process is writing there; wait for it to end")

// Lock keeps other processes that lock the same folder from it until unlock is
// called or this process ends, however it ends. It does not wait: a folder that is
// locked is [ErrLocked].
func Lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	return func() {
		// Not by closing alone: a child that another goroutine is just starting has the
		// file too, until it executes, and with it the lock.
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
		_ = f.Close()
	}, nil
}
