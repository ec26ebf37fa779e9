//go:build !linux

package process

import "syscall"

// DieWithParent has no counterpart here: a process outlives a test binary that dies
// without its cleanups.
func DieWithParent() *syscall.SysProcAttr { return nil }
