package handshake_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
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

// server is a gRPC server behind a door, on a loopback port.
type server struct {
	t        *testing.T
	ca       *certtest.CA
	addr     string
	registry *prometheus.Registry
	log      *logtest.Buffer
}

// unavailable makes the provider fail.
var errUnavailable = errors.New("the vault is closed")

func newServer(t *testing.T, available bool) *server {
	t.Helper()
	s := &server{t: t, ca: certtest.NewCA(t, "root"), registry: prometheus.NewPedanticRegistry(), log: &logtest.Buffer{}}
	pair := s.ca.Issue(t, certtest.Server())
	p := provider{material: credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{s.ca.Cert}, time.Now())}
	if !available {
		p = provider{err: errUnavailable}
	}
	door := handshake.New(handshake.Config{
		TLS: credentials.ServerTLS(p), Registerer: s.registry,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	g := grpc.NewServer(grpc.Creds(door), grpc.ConnectionTimeout(time.Second))
	healthpb.RegisterHealthServer(g, health.NewServer())
	done := make(chan error, 1)
	go func() { done <- g.Serve(door.Listener(listener)) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// values returns the value of each series of a metric, by its label's value.
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
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return got
}

// client is a config that the server lets in, for a row to spoil. It presents
// its certificate whatever CAs the server names.
func (s *server) client() *tls.Config {
	return s.clientOf(s.ca.Issue(s.t, certtest.Client()))
}

func (s *server) clientOf(pair *certtest.Pair) *tls.Config {
	cert := pair.TLS()
	return &tls.Config{
		RootCAs: s.ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}
}

// dial shakes hands and waits for the server's word, which in TLS 1.3 comes after
// the client believes itself done. Whatever the client is told, it is the server
// that the test asks.
func (s *server) dial(config *tls.Config) {
	conn, err := tls.Dial("tcp", s.addr, config)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// raw connects, sends bytes, and reads until the server hangs up, or hangs up
// itself.
func (s *server) raw(data []byte, hangUp bool) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		s.t.Fatal(err)
	}
	if !hangUp {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// openssl connects with openssl's own client, for what Go's can't be made to do.
// How it ends is of no interest: the server is asked.
func (s *server) openssl(args ...string) {
	s.t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", s.addr}, args...)...)
	var exit *exec.ExitError
	if out, err := cmd.CombinedOutput(); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("openssl: %v\n%s", err, out)
	}
}

// helloRecord begins a ClientHello of TLS and holds none of it.
var helloRecord = []byte{0x16, 3, 1, 1, 0, 1, 0, 0}

func TestEachRefusalIsCountedByItsReason(t *testing.T) {
	expired := certtest.Client()
	expired.NotAfter = time.Now().Add(-time.Minute)
	early := certtest.Client()
	early.NotBefore = time.Now().Add(time.Hour)
	rows := []struct {
		name  string
		knock func(*server)
		want  handshake.Reason
	}{
		{"a client without a certificate", func(s *server) {
			c := s.client()
			c.GetClientCertificate = nil
			s.dial(c)
		}, handshake.NoCertificate},
		{"a client of another CA", func(s *server) {
			s.dial(s.clientOf(certtest.NewCA(s.t, "other").Issue(s.t, certtest.Client())))
		}, handshake.UnknownCA},
		{"a client that leaves out an intermediate", func(s *server) {
			pair := s.ca.Intermediate(s.t, "intermediate").Issue(s.t, certtest.Client())
			pair.Chain = pair.Chain[:1]
			s.dial(s.clientOf(pair))
		}, handshake.UnknownCA},
		{"a client whose certificate ended", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, expired))) }, handshake.Expired},
		{"a client whose certificate has not begun", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, early))) }, handshake.NotYetValid},
		{"a client with a server's certificate", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, certtest.Server()))) }, handshake.WrongUsage},
		{"a client whose issuer may not issue for its name", func(s *server) {
			s.dial(s.clientOf(s.ca.Constrained(s.t, "constrained", "elsewhere.example").Issue(s.t, certtest.Client())))
		}, handshake.BadCertificate},
		{"plaintext HTTP/2", func(s *server) { s.raw([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), false) }, handshake.NotTLS},
		{"a client that speaks TLS 1.2 at most", func(s *server) {
			c := s.client()
			c.MaxVersion = tls.VersionTLS12
			s.dial(c)
		}, handshake.ProtocolVersion},
		{"a client without ALPN", func(s *server) {
			c := s.client()
			c.NextProtos = nil
			s.dial(c)
		}, handshake.NoALPN},
		{"a client that wants HTTP/1.1", func(s *server) {
			c := s.client()
			c.NextProtos = []string{"http/1.1"}
			s.dial(c)
		}, handshake.NoALPN},
		{"a client that knows only RSA signatures, of an ECDSA server", func(s *server) {
			s.openssl("-tls1_3", "-alpn", "h2", "-sigalgs", "RSA-PSS+SHA256")
		}, handshake.NoSharedParameters},
		{"a client that knows no group of ours", func(s *server) {
			s.openssl("-tls1_3", "-alpn", "h2", "-groups", "X448")
		}, handshake.NoSharedParameters},
		{"a client that does not trust us", func(s *server) {
			c := s.client()
			c.RootCAs = certtest.NewCA(s.t, "other").Pool()
			s.dial(c)
		}, handshake.PeerAlert},
		{"a client that says nothing", func(s *server) { s.raw(nil, false) }, handshake.Timeout},
		{"a client that stops in the midst", func(s *server) { s.raw(helloRecord, false) }, handshake.Timeout},
		{"a probe of the port", func(s *server) { s.raw(nil, true) }, handshake.Closed},
		{"a client that goes in the midst", func(s *server) { s.raw(helloRecord, true) }, handshake.Closed},
		{"a ClientHello that is none", func(s *server) { s.raw([]byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}, false) }, handshake.Other},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, true)
			row.knock(s)
			s.refusedOnceFor(row.want)
		})
	}
}

func TestAHandshakeWithoutCredentialsIsRefused(t *testing.T) {
	s := newServer(t, false)
	s.dial(s.client())
	s.refusedOnceFor(handshake.CredentialsUnavailable)
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

func TestASuccessIsCountedAndItsConnectionFollowed(t *testing.T) {
	s := newServer(t, true)
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(s.client())))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := s.values("contour_xds_tls_handshakes_total"); got["success"] != 1 || got["failure"] != 0 {
		t.Errorf("handshakes: %v", got)
	}
	if n := s.values("contour_xds_connections")[""]; n != 1 {
		t.Errorf("%v connections", n)
	}
	_ = conn.Close()
	s.eventually("no connection", func() bool { return s.values("contour_xds_connections")[""] == 0 })
}

func TestAConnectionThatIsClosedAfterItsHandshakeIsNotCountedOn(t *testing.T) {
	s := newServer(t, true)
	conn, err := tls.Dial("tcp", s.addr, s.client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("no HTTP/2 preface at all")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the server hangs up
	_ = conn.Close()
	s.eventually("the handshake is counted", func() bool { return s.values("contour_xds_tls_handshakes_total")["success"] == 1 })
	s.eventually("no connection", func() bool { return s.values("contour_xds_connections")[""] == 0 })
}

func TestClosingTheListenerEndsWhatIsStillInItsHandshake(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := handshake.New(handshake.Config{}).Listener(inner)
	stranger, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the handshake goes on: %v", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener accepts: %v", err)
	}
}

func TestNoSessionIsEverResumed(t *testing.T) {
	s := newServer(t, true)
	config := s.client()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 3 {
		conn, err := tls.Dial("tcp", s.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1) // the server's settings, and with them any ticket
		if _, err := conn.Read(buf); err != nil {
			t.Fatal(err)
		}
		if conn.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
		_ = conn.Close()
	}
}

func TestAllSeriesArePresentFromTheStart(t *testing.T) {
	s := newServer(t, true)
	got := s.values("contour_xds_tls_handshake_failures_total")
	for _, reason := range handshake.Reasons() {
		if n, ok := got[string(reason)]; !ok || n != 0 {
			t.Errorf("%s: %v, present: %v", reason, n, ok)
		}
	}
	if len(got) != len(handshake.Reasons()) {
		t.Errorf("series %v; want one for each of %v", got, handshake.Reasons())
	}
}

func TestALogLineIsBoundedWhateverThePeerSends(t *testing.T) {
	s := newServer(t, true)
	leaf := certtest.Client()
	long := certtest.NewCA(t, strings.Repeat("a very long name\n", 100))
	s.dial(s.clientOf(long.Issue(t, leaf)))
	s.refusedOnceFor(handshake.UnknownCA)
	if n := len(s.log.String()); n > 1000 {
		t.Errorf("a line of %d bytes", n)
	}
}

func TestErrorsReachGRPCAsTheyAre(t *testing.T) {
	door := handshake.New(handshake.Config{TLS: &tls.Config{}})
	client, remote := net.Pipe()
	_ = client.Close()
	_, _, err := door.ServerHandshake(remote)
	if err != io.EOF { //nolint:errorlint // this very comparison is what gRPC does
		t.Errorf("got %v, want io.EOF itself", err)
	}
	if got := fmt.Sprint(door.Clone().Info().SecurityProtocol); got != "tls" {
		t.Errorf("a clone speaks %s", got)
	}
}
