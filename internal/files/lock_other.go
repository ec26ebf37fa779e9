//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package files

import "os"

// flock does nothing where the system has no locks of this kind.
func flock(*os.File) error { return nil }

func unflock(*os.File) {}
