package handshake_test

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider gives fixed material, or fixed failure.
type provider struct {
	material *credentials.Material
	err      error
}

func (p provider) Material() (*credentials.Material, error) { return p.material, p.err }
func (p provider) Close() error                             { return nil }

// errUnavailable is what a provider may fail with.
var errUnavailable = errors.New("the vault is closed")

// server is a gRPC server behind a door, on a loopback port.
type server struct {
	t        testing.TB
	ca       *certtest.CA
	addr     string
	door     *handshake.Door
	listener net.Listener
	registry *prometheus.Registry
	log      *logtest.Buffer
}

// timeout is what a handshake may take here. Rows that wait for it wait so long.
const timeout = time.Second

// newServer starts one with a good certificate. Its config is for the caller to
// change.
func newServer(t testing.TB, change ...func(*handshake.Config)) *server {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	pair := ca.Issue(t, certtest.Server())
	return serve(t, ca, provider{material: credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now())}, change...)
}

func serve(t testing.TB, ca *certtest.CA, p credentials.CredentialProvider, change ...func(*handshake.Config)) *server {
	t.Helper()
	s := &server{t: t, ca: ca, registry: prometheus.NewPedanticRegistry(), log: &logtest.Buffer{}}
	cfg := handshake.Config{
		TLS: credentials.ServerTLS(p), Registerer: s.registry,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	s.door = handshake.New(cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	g := grpc.NewServer(grpc.Creds(s.door), grpc.ConnectionTimeout(timeout))
	healthpb.RegisterHealthServer(g, health.NewServer())
	done := make(chan error, 1)
	s.listener = s.door.Listener(listener)
	go func() { done <- g.Serve(s.listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) { // a test may have closed the listener
			t.Error(err)
		}
		_ = s.door.Close()
	})
	return s
}

// limited is a change of config.
func limited(limits handshake.Limits) func(*handshake.Config) {
	return func(cfg *handshake.Config) { cfg.Limits = limits }
}

// values returns the value of each series of a metric, by its label's value; of a
// histogram, how many were observed.
func (s *server) values(name string) map[string]float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			key := ""
			for _, l := range m.GetLabel() {
				key += l.GetValue()
			}
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return got
}

// refusedOnceFor waits for the reason's count, and holds all others to zero.
func (s *server) refusedOnceFor(want handshake.Reason) {
	s.t.Helper()
	const failures, handshakes = "contour_xds_tls_handshake_failures_total", "contour_xds_tls_handshakes_total"
	s.eventually("the failure is counted", func() bool { return s.values(handshakes)["failure"] > 0 })
	s.eventually("the failure is logged", func() bool {
		return strings.Contains(s.log.String(), "reason="+string(want)+" ")
	})
	if got := s.values(handshakes); got["failure"] != 1 || got["success"] != 0 {
		s.t.Errorf("handshakes: %v", got)
	}
	for reason, n := range s.values(failures) {
		if reason == string(want) && n != 1 || reason != string(want) && n != 0 {
			s.t.Errorf("%s is %v; only %s should have moved, to 1", reason, n, want)
		}
	}
	if n := s.values("contour_xds_connections")[""]; n != 0 {
		s.t.Errorf("%v connections are counted after a refusal", n)
	}
	if lines := strings.Count(s.log.String(), "\n"); lines != 1 {
		s.t.Errorf("logged %d lines: %s", lines, s.log)
	}
}

func (s *server) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("never came: %s; log: %s", what, s.log)
}
