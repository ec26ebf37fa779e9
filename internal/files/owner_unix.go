//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

// Owner is the id of the user whom a file belongs to; false where that is not known.
func Owner(info fs.FileInfo) (user int, known bool) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), true
	}
	return 0, false
}
