package bench

import (
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc/credentials"
)

// A side is one way in which a server shakes hands.
type side struct {
	listener net.Listener
	arriving chan<- net.Conn
	creds    credentials.TransportCredentials
}

// newSide returns a side whose connections are pipes that come by what wrap makes
// of their listener.
func newSide(creds credentials.TransportCredentials, wrap func(net.Listener) net.Listener) side {
	arriving := make(chan net.Conn, 1)
	return side{listener: wrap(queue{arriving: arriving}), arriving: arriving, creds: creds}
}

// asItIs wraps nothing.
func asItIs(listener net.Listener) net.Listener { return listener }

// work lets one client in, and returns how long the server worked for it, and
// what of its connection was used.
func (s side) work(client *tls.Config) (time.Duration, *metered, error) {
	server, peer := net.Pipe()
	conn := &metered{Conn: server}
	done := make(chan error, 1)
	go func() { done <- tls.Client(peer, client).Handshake() }()
	s.arriving <- conn
	took, err := s.letIn(conn)
	_ = peer.Close()
	if clientErr := <-done; err == nil {
		err = clientErr
	}
	return took, conn, err
}

// letIn does what gRPC does with a connection, until it is let in and closed.
func (s side) letIn(raw *metered) (time.Duration, error) {
	begin := time.Now()
	conn, err := s.listener.Accept()
	if err != nil {
		return 0, err
	}
	_ = conn.SetDeadline(begin.Add(patience))
	_, _, err = s.creds.ServerHandshake(conn)
	_ = conn.SetDeadline(time.Time{})
	_ = conn.Close()
	return time.Since(begin) - raw.waited, err
}

// queue is a listener whose connections are made elsewhere.
type queue struct{ arriving <-chan net.Conn }

func (q queue) Accept() (net.Conn, error) { return <-q.arriving, nil }
func (queue) Close() error                { return nil }
func (queue) Addr() net.Addr              { return loopback }

// loopback is an address, for a connection that has none.
var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

// metered counts the calls of a connection, and the time in them.
type metered struct {
	net.Conn
	waited        time.Duration
	reads, writes int
}

func (m *metered) RemoteAddr() net.Addr { return loopback }

func (m *metered) Read(b []byte) (int, error) {
	begin := time.Now()
	n, err := m.Conn.Read(b)
	m.waited += time.Since(begin)
	m.reads++
	return n, err
}

func (m *metered) Write(b []byte) (int, error) {
	begin := time.Now()
	n, err := m.Conn.Write(b)
	m.waited += time.Since(begin)
	m.writes++
	return n, err
}

// instant is a connection whose peer takes and answers everything at once.
type instant struct{ net.Conn }

func (instant) Read(b []byte) (int, error)  { return len(b), nil }
func (instant) Write(b []byte) (int, error) { return len(b), nil }
func (instant) RemoteAddr() net.Addr        { return loopback }
func (instant) SetDeadline(time.Time) error { return nil }
func (instant) Close() error                { return nil }
