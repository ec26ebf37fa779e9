package handshake

import (
	"net"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener returns inner with its connections wrapped, so that they are counted
// from the moment they are let in until they are closed, by whomever. The caller
// goes on owning inner.
func (d *Door) Listener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, live: d.metrics.connections}
}

type listener struct {
	net.Listener
	live prometheus.Gauge
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, live: l.live}, nil
}

// A conn is the raw connection, below TLS. It is here that the end is seen for
// certain: gRPC closes the raw connection where it gives up between handshake
// and first frame, and the TLS connection closes it too.
type conn struct {
	net.Conn
	live prometheus.Gauge

	mu               sync.Mutex // guards the two below
	admitted, closed bool
}

// admit counts the connection, unless it was closed meanwhile.
func (c *conn) admit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && !c.admitted {
		c.admitted = true
		c.live.Inc()
	}
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		if c.admitted {
			c.live.Dec()
		}
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// SyscallConn lets gRPC set options on the socket, as it does on one that is not
// wrapped.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, syscall.EINVAL
}
