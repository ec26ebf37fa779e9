package files

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteAtomic replaces the file at path, or makes it, with exactly the
// permissions perm whatever the umask. Data is flushed to disk before the
// rename, so that a reader, and a machine that loses power, sees the old content
// or the new and never a part. On failure the old file stays as it was.
func WriteAtomic(path string, data []byte, perm os.FileMode) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %q: its folder: %w", path, err)
	} else if !info.IsDir() {
		return fmt.Errorf("writing %q: %q is not a folder", path, filepath.Dir(path))
	}
	if err := replace(path, data, perm); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// replace does what renameio.WriteFile does, which would keep the permissions of
// the file that it replaces.
func replace(path string, data []byte, perm os.FileMode) error {
	pending, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(perm))
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }() // which does nothing after the rename
	if _, err := pending.Write(data); err != nil {
		return err
	}
	return pending.CloseAtomicallyReplace()
}
