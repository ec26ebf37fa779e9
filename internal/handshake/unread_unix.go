//go:build unix

package handshake

import (
	"errors"
	"net"
	"syscall"
)

// unread tells whether bytes of the peer have arrived that nobody has read yet.
func unread(c net.Conn) bool {
	n, err, asked := peek(c)
	return asked && err == nil && n > 0
}

// hungUp tells whether the peer has closed the connection, and left nothing to
// read.
func hungUp(c net.Conn) bool {
	n, err, asked := peek(c)
	return asked && (err == nil && n == 0 || errors.Is(err, syscall.ECONNRESET))
}

// peek asks the socket for a byte, which stays there. It does not wait.
func peek(c net.Conn) (n int, err error, asked bool) { //nolint:revive // the error is the answer, not a failure
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, nil, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, nil, false
	}
	failed := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n, err, failed == nil
}
