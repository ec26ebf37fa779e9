//go:build !unix

package handshake

import "net"

// unread is not known here, so that a connection whose bytes have just come may
// be shed.
func unread(net.Conn) bool { return false }

// hungUp is not known here, so that a turn may be spent on a peer that is gone.
func hungUp(net.Conn) bool { return false }
