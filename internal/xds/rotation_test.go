package xds_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/xds"
)

// An announced provider gives the generation that was set last.
type announced struct{ current atomic.Pointer[trusting] }

type trusting struct {
	material *credentials.Material
	over     chan struct{} // closed when the next one is in force
}

func (a *announced) Material() (*credentials.Material, error) { return a.current.Load().material, nil }
func (a *announced) Changed() <-chan struct{}                 { return a.current.Load().over }
func (a *announced) Close() error                             { return nil }

func (a *announced) trust(pair *certtest.Pair, cas ...*certtest.CA) {
	var roots []*x509.Certificate
	for _, ca := range cas {
		roots = append(roots, ca.Cert)
	}
	next := &trusting{credentials.NewMaterial(pair.Chain, pair.Key, roots, time.Now()), make(chan struct{})}
	if last := a.current.Swap(next); last != nil {
		close(last.over)
	}
}

// TestARemovedRootEndsItsStreamsAndOthersGoOn has Envoys of two CAs on aggregated
// streams, takes one CA away and publishes a change.
func TestARemovedRootEndsItsStreamsAndOthersGoOn(t *testing.T) {
	before, after := certtest.NewCA(t, "before"), certtest.NewCA(t, "after")
	pair := before.Issue(t, certtest.Server())
	provider := &announced{}
	provider.trust(pair, before, after)
	door := handshake.New(handshake.Config{TLS: credentials.ServerTLS(provider), Provider: provider})
	s := startBehind(t, door)
	join := func(ca *certtest.CA, delta bool) *peer {
		p := newPeer(t, dialAs(t, s.addr, ca.Issue(t, certtest.Client()), before), delta)
		p.subscribe("cluster", nil, nil)
		p.next()
		p.answer("cluster", false)
		return p
	}
	var leaving, staying []*peer
	for _, delta := range []bool{false, true} {
		leaving = append(leaving, join(before, delta))
		staying = append(staying, join(after, delta), join(after, delta))
	}

	swapped := time.Now()
	provider.trust(pair, after)
	for _, p := range leaving {
		p.wantEnded(swapped.Add(3*time.Second), codes.Unavailable) // it takes milliseconds where the machine is not busy
	}
	s.Publish(snapshot(t, strings.ReplaceAll(everyType, "a-cluster", "b-cluster")))
	for _, p := range staying {
		for !p.of("cluster").has("b-cluster") {
			p.next()
			p.answer("cluster", false)
		}
	}
}

func (s *subscription) has(name string) bool { _, ok := s.view[name]; return ok }

// wantEnded waits until the stream has ended.
func (p *peer) wantEnded(by time.Time, code codes.Code) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case _, ok := <-p.updates:
			if ok {
				continue
			}
			if now := time.Now(); now.After(by) {
				p.t.Errorf("the stream ended %v late", now.Sub(by))
			}
			if status.Code(p.err) != code {
				p.t.Errorf("it ended with %v, want %v", p.err, code)
			}
			return
		case <-timeout:
			p.t.Fatal("the stream goes on")
		}
	}
}

// A behind is a server behind a door.
type behind struct {
	*xds.Server
	addr string
}

func startBehind(t *testing.T, door *handshake.Door, change ...func(*xds.Config)) *behind {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := xds.Config{Credentials: door, Snapshots: snapshot(t, everyType), Gate: generous{}, ListenerDrain: 1}
	for _, c := range change {
		c(&cfg)
	}
	s := &behind{xds.New(cfg), listener.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(ctx, door.Listener(listener)) }()
	go func() { ended <- door.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		_ = door.Close()
	})
	return s
}

func dialAs(t *testing.T, addr string, pair *certtest.Pair, server *certtest.CA) *grpc.ClientConn {
	t.Helper()
	cert := pair.TLS()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(&tls.Config{
		RootCAs: server.Pool(), ServerName: certtest.ServerName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestAConnectionOfItsAgeEndsWithItsStream has a stream that nobody ends.
func TestAConnectionOfItsAgeEndsWithItsStream(t *testing.T) {
	const age, grace = time.Second, 300 * time.Millisecond
	f := start(t, func(cfg *xds.Config) { cfg.ConnectionAge, cfg.ConnectionAgeGrace = age, grace })
	begun := time.Now()
	p := newPeer(t, f.conn, true)
	p.subscribe("cluster", nil, nil)
	p.next()
	p.wantEnded(begun.Add(10*time.Second), codes.Unavailable)
	if lived := time.Since(begun); lived < age*9/10 {
		t.Errorf("it ended after %v, which is earlier than a tenth before its age", lived)
	}
}
