//go:build !unix

package files

import "io/fs"

// Owner is not known where users have no ids.
func Owner(fs.FileInfo) (user int, known bool) { return 0, false }
