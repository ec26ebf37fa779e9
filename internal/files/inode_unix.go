//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

// inode is the file's serial number, so that a rename over a file shows even
// where size and time are the same.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}
