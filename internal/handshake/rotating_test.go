package handshake_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
)

// rotating gives the generation that was set last, and announces the next.
type rotating struct {
	mu      sync.Mutex // guards both
	current *credentials.Material
	next    chan struct{}
}

func (r *rotating) Material() (*credentials.Material, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current, nil
}

func (r *rotating) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

func (r *rotating) Close() error { return nil }

// set puts a generation in force.
func (r *rotating) set(m *credentials.Material) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = m
	close(r.next)
	r.next = make(chan struct{})
}

func certificates(cas []*certtest.CA) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, ca := range cas {
		certs = append(certs, ca.Cert)
	}
	return certs
}

// keeping is a server whose provider rotates and whose door is run.
type keeping struct {
	*server
	provider *rotating
	pair     *certtest.Pair
}

// newKeeping starts one that trusts the cas, with a certificate of the first.
func newKeeping(t testing.TB, cas ...*certtest.CA) *keeping {
	t.Helper()
	return newGuarded(t, nil, cas...)
}

// newGuarded starts one with a guard.
func newGuarded(t testing.TB, guard handshake.Guard, cas ...*certtest.CA) *keeping {
	t.Helper()
	k := &keeping{provider: &rotating{next: make(chan struct{})}, pair: cas[0].Issue(t, certtest.Server())}
	k.provider.current = k.material(cas...)
	k.server = serve(t, cas[0], k.provider, func(cfg *handshake.Config) { cfg.Provider, cfg.Guard = k.provider, guard })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.door.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return k
}

func (k *keeping) material(cas ...*certtest.CA) *credentials.Material {
	return credentials.NewMaterial(k.pair.Chain, k.pair.Key, certificates(cas), time.Now())
}

// trust puts a generation in force that trusts cas.
func (k *keeping) trust(cas ...*certtest.CA) { k.provider.set(k.material(cas...)) }

// on is how many connections are counted on the root of ca, or -1 where that has no
// series.
func (k *keeping) on(ca *certtest.CA) float64 {
	k.t.Helper()
	n, ok := k.values("contour_xds_connections")[credentials.RootFingerprint(ca.Cert)]
	if !ok {
		return -1
	}
	return n
}

func (k *keeping) wantOn(ca *certtest.CA, want float64) {
	k.t.Helper()
	k.eventually("the count on a root", func() bool { return k.on(ca) == want })
}

func (k *keeping) closedFor(reason handshake.CloseReason) float64 {
	k.t.Helper()
	return k.values("contour_xds_connections_closed_total")[string(reason)]
}

// An envoy is a client with a stream, which it opens once and does not open again.
type envoy struct {
	t     testing.TB
	ended chan time.Time // closed after it has said when the stream ended
}

// envoy connects with a certificate and opens a stream on which the server has
// answered.
func (k *keeping) envoy(pair *certtest.Pair) *envoy {
	k.t.Helper()
	conn, err := grpc.NewClient(k.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(k.clientOf(pair))))
	if err != nil {
		k.t.Fatal(err)
	}
	stream, err := healthpb.NewHealthClient(conn).Watch(context.Background(), &healthpb.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		k.t.Fatal(err)
	}
	e := &envoy{t: k.t, ended: make(chan time.Time, 1)}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer close(e.ended)
		if _, err := stream.Recv(); err != nil {
			e.ended <- time.Now()
		}
	}()
	k.t.Cleanup(func() {
		_ = conn.Close()
		<-gone
	})
	return e
}

// rawAs connects with a certificate and says nothing.
func (k *keeping) rawAs(pair *certtest.Pair) net.Conn {
	k.t.Helper()
	conn, err := tls.Dial("tcp", k.addr, k.clientOf(pair))
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// prompt is generous, since the machine may be busy: it takes half a second at most.
const prompt = 3 * time.Second

// wantEnded holds the end of its stream to the time after since.
func (e *envoy) wantEnded(since time.Time) {
	e.t.Helper()
	select {
	case at := <-e.ended:
		if took := at.Sub(since); took < 0 || took > prompt {
			e.t.Errorf("the stream ended after %v", took)
		}
	case <-time.After(10 * time.Second):
		e.t.Error("the stream goes on")
	}
}

func (e *envoy) wantOpen() {
	e.t.Helper()
	select {
	case <-e.ended:
		e.t.Error("the stream has ended")
	default:
	}
}
