//go:build !linux

package kubernetes

import "syscall"

// attributes has a program run under a user.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user}
}
