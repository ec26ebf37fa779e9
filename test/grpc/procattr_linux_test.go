package grpc

import "syscall"

// dieWithParent has the system end a client when the test binary dies without its
// cleanups, by a panic or its own deadline.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
