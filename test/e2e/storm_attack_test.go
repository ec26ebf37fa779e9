//go:build linux

package e2e

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// sourceAddresses is from how many addresses the strangers come, 127.0.0.2 and up.
	sourceAddresses = 8
	// dialsAtOnce bounds how many of them knock at the same moment, and so what this
	// test takes of the processors that the server needs.
	dialsAtOnce = 32
	// knockAgain is how long a stranger who was shut out waits. With a thousand more
	// strangers than there is room for, a thousand a second make each other room.
	knockAgain = time.Second
	// trickle is how often a stranger sends a byte who sends only bytes.
	trickle = time.Second
)

// An attack is a crowd of strangers who stall their handshakes: a third of them
// sends nothing, a third half a ClientHello, and a third a byte of it a second. Who
// is shut out knocks again.
type attack struct {
	address string
	hello   []byte
	dials   chan struct{} // one for each dial at the same moment
	all     sync.WaitGroup
	opened  atomic.Int64

	mu    sync.Mutex // guards conns and over
	conns map[net.Conn]struct{}
	over  chan struct{} // closed when it ends
}

// startAttack starts an attack, which ends with the test at the latest. Each
// stranger is one goroutine, of which the race detector bears 8,000.
func startAttack(t *testing.T, address string, strangers int) *attack {
	t.Helper()
	a := &attack{
		address: address, hello: clientHello(t), dials: make(chan struct{}, dialsAtOnce),
		conns: make(map[net.Conn]struct{}), over: make(chan struct{}),
	}
	for i := range strangers {
		a.all.Go(func() { a.besiege(i) })
	}
	t.Cleanup(a.end)
	return a
}

// end closes all connections, and returns when nothing of the attack is left in
// this process.
func (a *attack) end() {
	a.mu.Lock()
	if !a.isOver() {
		close(a.over)
	}
	for conn := range a.conns {
		_ = conn.Close()
	}
	a.mu.Unlock()
	a.all.Wait()
}

func (a *attack) isOver() bool {
	select {
	case <-a.over:
		return true
	default:
		return false
	}
}

// besiege is the life of one stranger.
func (a *attack) besiege(i int) {
	stall := []func(net.Conn){a.silent, a.half, a.trickling}[i%3]
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%sourceAddresses))}}
	for !a.isOver() {
		if conn := a.knock(&dialer); conn != nil {
			stall(conn)
			a.hangUp(conn)
		}
		select {
		case <-a.over:
		case <-time.After(knockAgain):
		}
	}
}

// knock returns nil when it could not connect.
func (a *attack) knock(dialer *net.Dialer) net.Conn {
	a.dials <- struct{}{}
	defer func() { <-a.dials }()
	if a.isOver() {
		return nil
	}
	conn, err := dialer.Dial("tcp", a.address)
	if err != nil {
		return nil
	}
	a.opened.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns[conn] = struct{}{}
	if a.isOver() {
		_ = conn.Close()
	}
	return conn
}

func (a *attack) hangUp(conn net.Conn) {
	a.mu.Lock()
	delete(a.conns, conn)
	a.mu.Unlock()
	_ = conn.Close()
}

// silent sends nothing until it is shut out.
func (*attack) silent(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }

// half sends half a ClientHello.
func (a *attack) half(conn net.Conn) {
	if _, err := conn.Write(a.hello[:len(a.hello)/2]); err == nil {
		a.silent(conn)
	}
}

// trickling sends a byte of a ClientHello every so often.
func (a *attack) trickling(conn net.Conn) {
	for _, b := range a.hello {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(trickle))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// clientHello is how a client begins.
func clientHello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	var done sync.WaitGroup
	done.Go(func() {
		_ = tls.Client(client, &tls.Config{ServerName: "contour", MinVersion: tls.VersionTLS13}).Handshake()
		_ = client.Close()
	})
	hello := make([]byte, 16<<10)
	n, err := server.Read(hello)
	_ = server.Close()
	done.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}
