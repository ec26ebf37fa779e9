package handshake_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/handshake"
)

// FuzzPeer lets a peer send whatever it likes as its first flight, over a real
// socket. However that ends, it is one failure, for one reason of the closed set,
// with one line in the log.
func FuzzPeer(f *testing.F) {
	s := newServer(f)
	whole := hello(s)
	for _, seed := range [][]byte{
		nil, helloRecord, whole, whole[:100],
		[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), []byte("GET / HTTP/1.1\r\n\r\n"),
		{0x16, 3, 1, 0, 4, 1, 0, 0, 0},
		{0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff},
		{0x80, 0x2e, 1, 0, 2},
		{21, 3, 3, 0, 2, 2, 48},
		{21, 3, 3, 0, 2, 1, 0},
		{20, 3, 3, 0, 1, 1},
		{23, 3, 3, 0, 1, 0},
		mutated(whole, func(b []byte) { b[5] = 2 }),
		mutated(whole, func(b []byte) { b[compressionAt(b)] = 1 }),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, flight []byte) {
		s := newServer(t)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(flight)
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Read(make([]byte, 1<<16))
		_ = conn.Close()
		s.eventually("it is logged", func() bool { return strings.Contains(s.log.String(), "\n") })
		s.refusedOnce()
	})
}

// refusedOnce holds the server to one failure, for whatever reason.
func (s *server) refusedOnce() {
	s.t.Helper()
	var moved []handshake.Reason
	for _, reason := range handshake.Reasons() {
		switch n := s.values("contour_xds_tls_handshake_failures_total")[string(reason)]; n {
		case 0:
		case 1:
			moved = append(moved, reason)
		default:
			s.t.Errorf("%s is %v", reason, n)
		}
	}
	if len(moved) != 1 || strings.Count(s.log.String(), "\n") != 1 {
		s.t.Errorf("counted for %v; log: %s", moved, s.log)
	}
	if len(s.log.String()) > 3000 {
		s.t.Errorf("a line of %d bytes", len(s.log.String()))
	}
}

// FuzzClassify holds the classifier to the closed set, whatever the text of an
// error and whatever alert a peer sends in the clear.
func FuzzClassify(f *testing.F) {
	for _, text := range handshake.Texts() {
		f.Add("tls: "+text, []byte{21, 3, 3, 0, 2, 2, 48})
	}
	f.Add("", []byte(nil))
	f.Add("remote error: tls: bad certificate", []byte{20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 45})
	f.Fuzz(func(t *testing.T, text string, read []byte) {
		for _, reason := range handshake.ClassifyText(text, read) {
			if !slices.Contains(handshake.Reasons(), reason) {
				t.Errorf("%q and %x: %q is not of the closed set", text, read, reason)
			}
		}
	})
}
