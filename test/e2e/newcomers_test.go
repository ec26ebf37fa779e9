package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// newcomers shake hands with contour again and again, as Envoys do that start.
type newcomers struct {
	t       *testing.T
	address string
	trust   *x509.CertPool
	current atomic.Pointer[certtest.Pair]
	arrived atomic.Int64

	end func()
}

func startNewcomers(t *testing.T, c *contour, pair *certtest.Pair, trust ...*certtest.CA) *newcomers {
	t.Helper()
	n := &newcomers{t: t, address: c.xds, trust: x509.NewCertPool()}
	for _, ca := range trust {
		n.trust.AddCert(ca.Cert)
	}
	n.current.Store(pair)
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticks := time.NewTicker(pace)
		defer ticks.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticks.C:
			}
			if _, err := n.connect(n.current.Load()); err != nil {
				t.Errorf("a newcomer is refused: %v", err)
				return
			}
			n.arrived.Add(1)
		}
	})
	n.end = sync.OnceFunc(func() {
		close(over)
		running.Wait()
	})
	t.Cleanup(n.end)
	return n
}

// connect makes a handshake with a pair, and reads what comes behind it: under TLS 1.3
// it is only then that a client knows whether it is welcome, and a session ticket would
// come first. It returns the server's certificate.
func (n *newcomers) connect(pair *certtest.Pair) (*x509.Certificate, error) {
	cert, sessions := pair.TLS(), &ticketless{}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", n.address, &tls.Config{
		RootCAs: n.trust, ServerName: certtest.ServerName, NextProtos: []string{"h2"}, ClientSessionCache: sessions,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(deadline))
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return nil, err
	}
	if sessions.issued.Load() {
		return nil, errors.New("a session ticket was issued")
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// ticketless is a client's cache of sessions that notes whether it was given one.
type ticketless struct{ issued atomic.Bool }

// Get implements [tls.ClientSessionCache].
func (*ticketless) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put implements [tls.ClientSessionCache].
func (s *ticketless) Put(_ string, session *tls.ClientSessionState) {
	if session != nil {
		s.issued.Store(true)
	}
}
