//go:build !linux

package prometheus

import "syscall"

// dieWithParent has no counterpart here: a Prometheus outlives a test binary that
// dies without its cleanups.
func dieWithParent() *syscall.SysProcAttr { return nil }
