//go:build !linux

package grpc

import "syscall"

// dieWithParent has no counterpart here: a a client outlives a test binary that
// dies without its cleanups.
func dieWithParent() *syscall.SysProcAttr { return nil }
