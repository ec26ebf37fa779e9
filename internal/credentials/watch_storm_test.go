package credentials_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// rotation is how often a storm's files are replaced.
const rotation = 50 * time.Millisecond

// stormy is a generation with which one client can prove that the server has all of
// it: its server's leaf is of its CA, and its client's is trusted by no other.
type stormy struct {
	ca     *certtest.CA
	server *certtest.Pair
	client tls.Certificate
}

func newStormy(t *testing.T, n int) *stormy {
	ca := certtest.NewCA(t, "generation "+strconv.Itoa(n))
	return &stormy{ca, ca.Issue(t, certtest.Server()), ca.Issue(t, certtest.Client()).TLS()}
}

// publishers are the ways in which writers replace a generation. Each returns where the
// files are.
var publishers = map[string]func(t *testing.T, first *stormy) (certtest.Files, func(*stormy) error){
	"by a swap of ..data": func(t *testing.T, first *stormy) (certtest.Files, func(*stormy) error) {
		m := &mounted{dir: t.TempDir()}
		if err := m.publish(t, first); err != nil {
			t.Fatal(err)
		}
		var files certtest.Files
		for name, path := range map[string]*string{"ca.pem": &files.CA, "tls.crt": &files.Cert, "tls.key": &files.Key} {
			*path = filepath.Join(m.dir, name)
			if err := os.Symlink(filepath.Join("..data", name), *path); err != nil {
				t.Fatal(err)
			}
		}
		return files, func(next *stormy) error { return m.publish(t, next) }
	},
	"by a rename of one file after the other": func(t *testing.T, first *stormy) (certtest.Files, func(*stormy) error) {
		files := certtest.WriteFiles(t, t.TempDir(), first.ca, first.server)
		return files, func(next *stormy) error {
			made := certtest.WriteFiles(t, t.TempDir(), next.ca, next.server)
			return errors.Join(os.Rename(made.Key, files.Key), os.Rename(made.Cert, files.Cert), os.Rename(made.CA, files.CA))
		}
	},
}

// mounted is a Secret as kubelet lays it out.
type mounted struct {
	dir        string
	generation int
}

// publish makes a new folder, and renames over the link. The folder of before goes.
func (m *mounted) publish(t *testing.T, g *stormy) error {
	m.generation++
	name := func(n int) string { return "..generation-" + strconv.Itoa(n) }
	dir := filepath.Join(m.dir, name(m.generation))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	certtest.WriteFiles(t, dir, g.ca, g.server)
	temporary := filepath.Join(m.dir, "..data_tmp")
	return errors.Join(os.Symlink(filepath.Base(dir), temporary), os.Rename(temporary, filepath.Join(m.dir, "..data")),
		os.RemoveAll(filepath.Join(m.dir, name(m.generation-1))))
}

// TestEveryHandshakeOfAStormSeesOneWholeGeneration rotates while clients shake hands as
// fast as they can. Each is shown the CAs that the server trusts before it says who it
// is, answers with a certificate that the one CA alone verifies, and then holds the
// server's own certificate to that CA.
func TestEveryHandshakeOfAStormSeesOneWholeGeneration(t *testing.T) {
	for name, publisher := range publishers {
		t.Run(name, func(t *testing.T) {
			generations := make([]*stormy, 40)
			for n := range generations {
				generations[n] = newStormy(t, n)
			}
			files, publish := publisher(t, generations[0])
			f := &fixture{t: t, files: files}
			w := newPatientWatch(t, f, time.Minute)
			s := newStorm(t, w, generations)
			for _, next := range generations[1:] {
				time.Sleep(rotation)
				if err := publish(next); err != nil {
					t.Fatal(err)
				}
			}
			last := generations[len(generations)-1]
			eventually(t, "the last generation is served", func() bool { return s.saw(last) })
			s.end()
			t.Logf("%d handshakes saw %d generations", s.handshakes.Load(), s.generations())
			if s.generations() < len(generations)/4 || w.failed() != 0 {
				t.Errorf("the storm saw %d generations, and %v failures", s.generations(), w.failed())
			}
		})
	}
}

// storm is clients that shake hands all the time.
type storm struct {
	t          *testing.T
	address    string
	of         map[string]*stormy // by the subject of its CA
	handshakes atomic.Int64
	mu         sync.Mutex // guards seen
	seen       map[*stormy]bool

	end func()
}

func newStorm(t *testing.T, w *watched, generations []*stormy) *storm {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &storm{t: t, address: listener.Addr().String(), of: map[string]*stormy{}, seen: map[*stormy]bool{}}
	for _, g := range generations {
		s.of[string(g.ca.Cert.RawSubject)] = g
	}
	over := make(chan struct{})
	var clients, server sync.WaitGroup
	server.Go(func() { answer(listener, credentials.ServerTLS(w), &server) })
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := s.connect(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	s.end = sync.OnceFunc(func() {
		close(over)
		clients.Wait()
		_ = listener.Close()
		server.Wait()
	})
	t.Cleanup(s.end)
	return s
}

// answer says a byte to whoever is through the handshake.
func answer(listener net.Listener, config *tls.Config, running *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		running.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = tls.Server(conn, config).Write([]byte{1})
		})
	}
}

func (s *storm) saw(g *stormy) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[g]
}

func (s *storm) generations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// connect makes one handshake and reads the byte behind it, which comes when the server
// has verified the client, and behind any session ticket.
func (s *storm) connect() error {
	var asked *stormy
	tickets := &tickets{}
	conn, err := tls.Dial("tcp", s.address, &tls.Config{
		InsecureSkipVerify: true, // since which CA it is to be is known only in the handshake
		ServerName:         certtest.ServerName, NextProtos: []string{"h2"}, ClientSessionCache: tickets,
		GetClientCertificate: func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(request.AcceptableCAs) != 1 || s.of[string(request.AcceptableCAs[0])] == nil {
				return nil, fmt.Errorf("the server trusts %d CAs", len(request.AcceptableCAs))
			}
			asked = s.of[string(request.AcceptableCAs[0])]
			return &asked.client, nil
		},
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return fmt.Errorf("the server refuses a client of the CA that it asked for: %w", err)
	}
	shown := conn.ConnectionState().PeerCertificates[0]
	switch {
	case !bytes.Equal(shown.Raw, asked.server.Chain[0].Raw):
		return fmt.Errorf("the server trusts %q and shows a certificate of %q", asked.ca.Cert.Subject, shown.Issuer)
	case tickets.issued.Load():
		return errors.New("a session ticket was issued")
	}
	s.handshakes.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[asked] = true
	return nil
}

// tickets is a client's cache that notes whether it was given a session.
type tickets struct{ issued atomic.Bool }

// Get implements [tls.ClientSessionCache].
func (*tickets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

// Put implements [tls.ClientSessionCache].
func (c *tickets) Put(_ string, session *tls.ClientSessionState) {
	if session != nil {
		c.issued.Store(true)
	}
}
