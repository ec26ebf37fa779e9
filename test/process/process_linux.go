package process

import "syscall"

// DieWithParent has the system end a process when the test binary that started it
// dies without its cleanups, by a panic or its own deadline. The caller owns what it
// gets.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
