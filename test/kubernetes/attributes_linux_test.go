package kubernetes

import "syscall"

// attributes has a program run under a user, and end when the test binary dies
// without its cleanups.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Pdeathsig: syscall.SIGKILL}
}
