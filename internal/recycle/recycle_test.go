package recycle_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/recycle"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server is a whole xDS server that follows its files, which trust two CAs, as in the
// second step of a rollover. Its certificate is of the new one.
type server struct {
	t        *testing.T
	old, new *certtest.CA
	addr     string
	registry *prometheus.Registry
	log      *logtest.Buffer
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{
		t: t, old: certtest.NewCA(t, "old"), new: certtest.NewCA(t, "new"),
		registry: prometheus.NewPedanticRegistry(), log: &logtest.Buffer{},
	}
	files := certtest.WriteFiles(t, t.TempDir(), s.new, s.new.Issue(t, certtest.Server()))
	certtest.WriteFile(t, files.CA, bytes.Join([][]byte{s.old.PEM(), s.new.PEM()}, nil))
	log := slog.New(slog.NewTextHandler(s.log, nil))
	provider, err := credentials.NewWatch(credentials.WatchConfig{Logger: log, Files: credentials.FileSet{
		CA: credentials.Source{Path: files.CA}, Cert: credentials.Source{Path: files.Cert}, Key: credentials.Source{Path: files.Key},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	door := handshake.New(handshake.Config{TLS: credentials.ServerTLS(provider), Provider: provider, Logger: log, Registerer: s.registry})
	s.addr = run(t, door, recycle.NewService(recycle.Config{Connections: door, Logger: log, Registerer: s.registry}).Register)
	return s
}

// run runs a server behind a door, and returns its address.
func run(t *testing.T, door *handshake.Door, register func(grpc.ServiceRegistrar)) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "none.yaml"), []byte("resources: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	snapshots, err := resources.Read(resources.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := xds.New(xds.Config{Credentials: door, Snapshots: snapshots, Register: register})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(ctx, door.Listener(listener)) }()
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
	return listener.Addr().String()
}

// envoy connects with a certificate, opens a stream, and returns a function that tells
// whether it is open still.
func (s *server) envoy(pair *certtest.Pair) (open func() bool) {
	s.t.Helper()
	cert := pair.TLS()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(&tls.Config{
		RootCAs: s.new.Pool(), ServerName: certtest.ServerName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})))
	if err != nil {
		s.t.Fatal(err)
	}
	stream, err := healthpb.NewHealthClient(conn).Watch(context.Background(), &healthpb.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = stream.Recv()
	}()
	s.t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return func() bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
}

// fixed gives one generation.
type fixed struct{ material *credentials.Material }

func (f fixed) Material() (*credentials.Material, error) { return f.material, nil }
func (f fixed) Close() error                             { return nil }

// operator is a client's leaf with these URIs and no other name.
func operator(uris ...string) certtest.Leaf {
	leaf := certtest.Client()
	leaf.DNSNames = nil
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		leaf.URIs = append(leaf.URIs, uri)
	}
	return leaf
}

// call asks the server to recycle those on a root, with a certificate.
func (s *server) call(pair *certtest.Pair, root *x509.Certificate) (int, error) {
	return recycle.Call{
		Address: s.addr, TLS: as(pair, s.new, certtest.ServerName),
		Root: credentials.RootFingerprint(root),
	}.Do(s.t.Context())
}

// as is how the owner of a pair calls a server of ca that must bear a name.
func as(pair *certtest.Pair, ca *certtest.CA, name string) *tls.Config {
	return credentials.ClientTLS(credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now()), name)
}

// value is that of the series of a metric with this one label.
func (s *server) value(name, label string) float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	s.t.Fatalf("no series %s of %s", name, label)
	return 0
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
