package handshake

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// A conn is the raw connection, below TLS. In its handshake, it is here that
// waiting for the peer is told from waiting for this server's CPU: crypto/tls
// computes between one Read or Write and the next. Later it is here that the end is
// seen for certain: gRPC closes the raw connection where it gives up between
// handshake and first frame, and the TLS connection closes it too.
type conn struct {
	net.Conn
	register *register
	turns    *turns
	source   netip.Prefix // for the limit by source; not valid without one, or without an IP address
	accepted time.Time

	// Of who reads, one at a time.
	records recordReader
	secured bool // what comes is TLS; known when the handshake is over

	// Of the handshake's goroutine alone.
	through  bool // the handshake is over
	hasTurn  bool
	received int  // how many bytes came
	sent     bool // a byte went
	seen     seen
	deadline time.Time
	guarded  <-chan struct{} // closed when the guard would have to be asked again

	// Guarded by register.mu.
	pending, live  bool
	next, previous *conn              // of the pending or the live ones
	cause          *refusal           // why it was expelled; nil unless it was
	since          time.Time          // when its waiting for the peer began, all of it taken together
	waited         time.Duration      // for its peer, until it last heard from it
	place          int                // in register.waiting, or nowhere
	giveUp         context.CancelFunc // ends its waiting for a turn; nil unless it does

	// What it stands on once it is live, guarded by register.mu as well; see standing.
	presented []*x509.Certificate
	chains    [][]*x509.Certificate
	root      *rootCount // nil in plaintext
	until     time.Time
	ending    int // its place in register.ends, or nowhere
}

func newConn(raw net.Conn, r *register, turns *turns) *conn {
	c := &conn{Conn: raw, register: r, turns: turns, accepted: time.Now(), place: nowhere, ending: nowhere}
	if r.limits.PendingPerSource > 0 {
		c.source = source(raw.RemoteAddr())
	}
	return c
}

// source is the network that one host or customer has: an IPv4 address, or the
// /64 of an IPv6 one (RFC 6177), whose other addresses are free to its owner.
func source(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// Read implements [net.Conn]. In the handshake it returns with a CPU turn, unless
// it fails.
func (c *conn) Read(b []byte) (int, error) {
	if c.through {
		return c.readOn(b)
	}
	n, err := c.wait(c.Conn.Read, b)
	c.received += n
	c.seen.record(&c.records, b[:n])
	switch {
	case err != nil:
		return n, err
	case c.received > maxHelloBytes && !c.seen.hello, c.received > maxHandshakeBytes:
		return n, errTooLong
	}
	return n, c.takeTurn()
}

// readOn is Read once the handshake is over.
func (c *conn) readOn(b []byte) (int, error) {
	if !c.secured {
		return c.Conn.Read(b)
	}
	n, err := c.Conn.Read(b[:c.records.limit(len(b))])
	c.records.pass(b[:n])
	return n, err
}

// How much a peer may send in its handshake, and until its ClientHello is whole.
// crypto/tls would keep 64 KiB of a ClientHello and 256 KiB of a certificate for
// each that stalls, and try a hundred signatures of a chain that is made for it. An
// Envoy sends some 2 KB, and a chain of three certificates of RSA-4096 is 6.
const (
	maxHelloBytes     = 8 << 10
	maxHandshakeBytes = 16 << 10
)

// Write implements [net.Conn]. In the handshake it does without a turn while it
// writes, since a peer that does not read can hold it up, and returns with one: what
// comes next can have been read before.
func (c *conn) Write(b []byte) (int, error) {
	if c.through {
		return c.Conn.Write(b)
	}
	c.sent = true
	n, err := c.wait(c.Conn.Write, b)
	if err != nil {
		return n, err
	}
	return n, c.takeTurn()
}

// wait does what only the peer can end, without a turn, so that the connection
// can be shed meanwhile.
func (c *conn) wait(do func([]byte) (int, error), b []byte) (int, error) {
	c.returnTurn()
	c.register.wait(c, time.Now())
	n, err := do(b)
	if cause := c.register.resume(c, time.Now()); cause != nil {
		err = cause
	}
	return n, err
}

// takeTurn waits until this connection may compute. One that has been answered has
// begun. A turn is not spent on a peer that went away without waiting for the first
// answer; of a later one, its certificate is still of interest.
func (c *conn) takeTurn() error {
	if !c.turns.try() {
		if err := c.queue(); err != nil {
			return err
		}
		if !c.sent && hungUp(c.Conn) {
			c.turns.release()
			return io.EOF
		}
	}
	c.hasTurn = true
	c.register.working.Add(1)
	return nil
}

func (c *conn) queue() error {
	ctx, cancel := c.untilDeadline()
	defer cancel()
	if c.turns.wait(ctx, c.sent) == nil {
		return nil
	}
	c.register.mu.Lock()
	defer c.register.mu.Unlock()
	switch {
	case c.cause != nil:
		return c.cause
	case ctx.Err() == context.DeadlineExceeded:
		return errOverload
	}
	return net.ErrClosed
}

// untilDeadline is a context that ends with the handshake's time, or when the
// connection is closed.
func (c *conn) untilDeadline() (context.Context, context.CancelFunc) {
	c.register.mu.Lock()
	defer c.register.mu.Unlock()
	deadline := c.deadline
	if deadline.IsZero() {
		deadline = time.Now().Add(withoutDeadline)
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	c.giveUp = cancel
	if !c.pending {
		cancel()
	}
	return ctx, cancel
}

// withoutDeadline bounds the wait for a turn of a handshake that nobody bounds.
// gRPC always does.
const withoutDeadline = time.Minute

func (c *conn) returnTurn() {
	if c.hasTurn {
		c.hasTurn = false
		c.register.working.Add(-1)
		c.turns.release()
	}
}

// finish ends the handshake, for good or ill: from here on the connection is
// passed through.
func (c *conn) finish() {
	c.returnTurn()
	c.through = true
	c.seen = seen{}
}

// SetDeadline implements [net.Conn]. It is how gRPC bounds the time of a
// handshake, so waiting for a turn ends by it, too.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.through {
		c.deadline = t
	}
	return c.Conn.SetDeadline(t)
}

// How long and how much a refused peer may go on sending.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// linger lets a refused peer read why. Its next bytes may be on their way already,
// since in TLS 1.3 a client is done before the server is; closing a socket with
// bytes unread resets the connection, and the reset overtakes the alert. So this
// side stops writing, and reads on until the peer has hung up. It can be shed
// meanwhile like any other that waits for its peer.
func (c *conn) linger() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !c.sent || !ok || half.CloseWrite() != nil {
		return
	}
	until := time.Now().Add(lingerTime)
	if !c.deadline.IsZero() && c.deadline.Before(until) {
		until = c.deadline
	}
	if c.SetReadDeadline(until) != nil {
		return
	}
	rest := make([]byte, 4<<10)
	for total := 0; total < lingerBytes; {
		n, err := c.wait(c.Conn.Read, rest)
		if err != nil {
			return
		}
		total += n
	}
}

// Close implements [net.Conn]. In the handshake it does nothing: gRPC's inner
// credentials hang up where they give up, and what is to come before that is for
// the door to decide.
func (c *conn) Close() error {
	if !c.through {
		return nil
	}
	c.register.depart(c)
	return c.Conn.Close()
}

// abort closes the socket of one that was expelled, so that whatever its handshake
// waits for ends.
func (c *conn) abort() error {
	c.register.mu.Lock()
	giveUp := c.giveUp
	c.register.mu.Unlock()
	if giveUp != nil {
		giveUp()
	}
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
