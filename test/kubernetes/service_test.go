package kubernetes

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// service is what a Kubernetes Service is to its clients: one address, and behind
// each new connection one of the endpoints. A connection stays where it is when
// the endpoints change.
type service struct {
	t        *testing.T
	listener net.Listener
	running  sync.WaitGroup

	mu        sync.Mutex
	endpoints []string              // guarded by mu
	next      int                   // guarded by mu
	open      map[net.Conn]struct{} // guarded by mu
}

// newService listens at address, and forwards until the test ends.
func newService(t *testing.T, address string) *service {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	must(t, err)
	s := &service{t: t, listener: listener, open: make(map[net.Conn]struct{})}
	s.running.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *service) close() {
	must(s.t, s.listener.Close())
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// add and remove are what a readiness probe and a pod's end do.
func (s *service) add(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = append(s.endpoints, endpoint)
}

func (s *service) remove(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e string) bool { return e == endpoint })
}

func (s *service) pick() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 0 {
		return ""
	}
	s.next++
	return s.endpoints[s.next%len(s.endpoints)]
}

func (s *service) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // it was closed
		}
		s.running.Go(func() { s.forward(conn) })
	}
}

func (s *service) forward(conn net.Conn) {
	defer conn.Close()
	backend, err := net.Dial("tcp", s.pick())
	if err != nil {
		return // which the client sees as a connection that is closed at once
	}
	defer backend.Close()
	s.track(conn, backend)
	defer s.forget(conn, backend)
	var both sync.WaitGroup
	both.Go(func() { pipe(backend, conn) })
	both.Go(func() { pipe(conn, backend) })
	both.Wait()
}

// pipe passes on the end of what one side says, and leaves the other direction be.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

func (s *service) track(conns ...net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range conns {
		s.open[c] = struct{}{}
	}
}

func (s *service) forget(conns ...net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range conns {
		delete(s.open, c)
	}
}
