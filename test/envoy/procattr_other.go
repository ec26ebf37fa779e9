//go:build !linux

package envoy

import "syscall"

// dieWithParent has no counterpart here: an Envoy outlives a test binary that dies
// without its cleanups.
func dieWithParent() *syscall.SysProcAttr { return nil }
