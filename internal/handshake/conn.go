package handshake

import (
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener returns inner with its connections wrapped, so that they are counted
// from the moment they are let in until they are closed, by whomever. Closing it
// closes inner, and the connections that are still in their handshake: a server
// that drains would wait for each of them, and a stranger can hold them up.
func (d *Door) Listener(inner net.Listener) net.Listener {
	return &listener{Listener: inner, live: d.metrics.connections, waiting: make(map[*conn]struct{})}
}

type listener struct {
	net.Listener
	live prometheus.Gauge

	mu      sync.Mutex // guards the two below
	closed  bool
	waiting map[*conn]struct{} // in their handshake
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	l.waiting[c] = struct{}{}
	return c, nil
}

// Close implements [net.Listener].
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	waiting := slices.Collect(maps.Keys(l.waiting))
	l.mu.Unlock()
	for _, c := range waiting {
		_ = c.Close()
	}
	return err
}

// arrived takes a connection from those that wait, and tells whether it was among
// them.
func (l *listener) arrived(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, waited := l.waiting[c]
	delete(l.waiting, c)
	return waited
}

// A conn is the raw connection, below TLS. It is here that the end is seen for
// certain: gRPC closes the raw connection where it gives up between handshake
// and first frame, and the TLS connection closes it too.
type conn struct {
	net.Conn
	listener *listener

	mu       sync.Mutex // guards admitted
	admitted bool
}

// admit counts the connection, unless it was closed meanwhile.
func (c *conn) admit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener.arrived(c) {
		c.admitted = true
		c.listener.live.Inc()
	}
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.mu.Lock()
	c.listener.arrived(c)
	if c.admitted {
		c.admitted = false
		c.listener.live.Dec()
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
