package e2e

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// A plan is what a relay does with a connection to it and the one that it opened
// to contour for that. Both are closed when it returns, and at the latest when the
// test ends. Errors are nothing to it: an end that goes away ends the plan.
type plan func(client, server net.Conn)

// relay stands between an Envoy and contour, as a proxy or a broken network does.
type relay struct {
	listener net.Listener
	server   string
	plan     plan

	running sync.WaitGroup
	mu      sync.Mutex // guards the two below
	open    []net.Conn
	closed  bool
}

// newRelay starts a relay to a server and returns the port that it listens on.
// When the test ends, so does the relay.
func newRelay(t *testing.T, server string, p plan) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, server: server, plan: p}
	r.running.Go(r.accept)
	t.Cleanup(r.close)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.carry(client) })
	}
}

func (r *relay) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return // contour has ended, and so it looks from outside
	}
	defer server.Close()
	if r.keep(client, server) {
		r.plan(client, server)
	}
}

// keep tells whether the relay still runs, and remembers what is to be closed when
// it ends.
func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = append(r.open, conns...)
	return !r.closed
}

func (r *relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for _, c := range r.open {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// passesNothing is a network that swallows what it is given, until the client
// gives up. That the server does, it swallows as well.
func passesNothing(client, _ net.Conn) { _, _ = io.Copy(io.Discard, client) }

// holdsBack passes nothing on but the server's end.
func holdsBack(_, server net.Conn) { _, _ = io.Copy(io.Discard, server) }

// cutsAtOnce passes nothing on, and ends.
func cutsAtOnce(_, _ net.Conn) {}

// cutsMidway ends in the midst of the ClientHello.
func cutsMidway(client, server net.Conn) { _, _ = io.CopyN(server, client, 100) }

// flipsABit passes everything on, but for the last bit of each record that the
// client has encrypted.
func flipsABit(client, server net.Conn) {
	const (
		headerLength    = 5
		applicationData = 23 // the type of all encrypted records (RFC 8446, section 5.2)
	)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(client, server)
		_ = client.(*net.TCPConn).CloseWrite()
	}()
	for {
		header := make([]byte, headerLength)
		if _, err := io.ReadFull(client, header); err != nil {
			break
		}
		body := make([]byte, int(header[3])<<8|int(header[4]))
		if _, err := io.ReadFull(client, body); err != nil {
			break
		}
		if header[0] == applicationData {
			body[len(body)-1] ^= 1
		}
		// Where the server is gone, the client is read on, or it would not hear the answer.
		_, _ = server.Write(slices.Concat(header, body))
	}
	_ = server.Close()
	<-answered
}
