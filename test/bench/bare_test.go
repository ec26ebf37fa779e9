package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
)

// A bareServer is the floor: handshakes and bytes through crypto/tls, of as many
// bytes as another server needs, and with no idea of what they mean.
type bareServer struct {
	config       *tls.Config
	answer, push []byte

	mu    sync.Mutex // guards conns
	conns []*tls.Conn
}

// newBare has the TLS policy of contour spelled out: what contour's own config
// costs is contour's.
func (s serverSpec) newBare() (*bareServer, error) {
	cert, err := tls.LoadX509KeyPair(s.path("tls.crt"), s.path("tls.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(s.path("ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, SessionTicketsDisabled: true,
	}
	return &bareServer{config: config, answer: settingsFrame(s.AnswerBytes), push: make([]byte, s.PushBytes)}, nil
}

func (s *bareServer) serve(ctx context.Context, listener net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go s.letIn(tls.Server(conn, s.config))
	}
}

// letIn shakes hands, says so, and goes when the client goes.
func (s *bareServer) letIn(conn *tls.Conn) {
	defer conn.Close()
	if conn.Handshake() != nil {
		return
	}
	if _, err := conn.Write(s.answer); err != nil {
		return
	}
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	var nothing [1]byte
	_, _ = conn.Read(nothing[:])
	s.mu.Lock()
	s.conns = slices.DeleteFunc(s.conns, func(c *tls.Conn) bool { return c == conn })
	s.mu.Unlock()
}

// publish writes the bytes of a push to everyone, one after the other.
func (s *bareServer) publish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		if _, err := conn.Write(s.push); err != nil {
			return err
		}
	}
	return nil
}
