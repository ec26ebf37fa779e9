package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Explain puts what [Read] says of one file into an operator's words, with what to do,
// and without the path, which the caller names beside the setting it came from. What is
// the content in words, such as "credential file"; limit is the one that Read was given.
func Explain(err error, what string, limit int64) error {
	if errors.Is(err, ErrUnstable) {
		return fmt.Errorf("%w; try again when their writer is done", err)
	}
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; check the path, and the mount it should come from", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: user id %d may not read it; change its owner, group or mode", fs.ErrPermission, os.Getuid())
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("%w; point the symbolic link at the file", syscall.ELOOP)
	case errors.Is(err, ErrNotRegular):
		return fmt.Errorf("%w; give a file, not a folder, a pipe or a device", ErrNotRegular)
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%w of %d MiB, which no %s reaches", ErrTooLarge, limit>>20, what)
	}
	return pathErr.Err
}
