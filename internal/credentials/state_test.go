package credentials_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/logtest"
)

const day = 24 * time.Hour

// state is a state folder, with a clock that stands still unless it is moved.
type state struct {
	t   *testing.T
	dir string
	now atomic.Pointer[time.Time]
	log *logtest.Buffer
}

func newState(t *testing.T) *state {
	s := &state{t: t, dir: filepath.Join(t.TempDir(), "state"), log: &logtest.Buffer{}}
	now := time.Now()
	s.now.Store(&now)
	return s
}

func (s *state) clock() time.Time { return *s.now.Load() }

func (s *state) pass(d time.Duration) {
	now := s.clock().Add(d)
	s.now.Store(&now)
}

func (s *state) config() credentials.GeneratedConfig {
	s.t.Helper()
	server, err := certgen.ParseNames([]string{"DNS:contour", "DNS:localhost", "IP:127.0.0.1", "IP:::1"})
	if err != nil {
		s.t.Fatal(err)
	}
	client, err := certgen.ParseNames([]string{"DNS:envoy"})
	if err != nil {
		s.t.Fatal(err)
	}
	return credentials.GeneratedConfig{
		Dir: s.dir, Server: server, Client: client, Now: s.clock,
		// Rounds are the test's to call.
		Poll: time.Hour, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	}
}

// open returns a provider of the folder, which ends with the test.
func (s *state) open() *credentials.Generated {
	s.t.Helper()
	g, err := credentials.NewGenerated(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.close(g) })
	return g
}

func (s *state) close(g *credentials.Generated) {
	s.t.Helper()
	if err := g.Close(); err != nil {
		s.t.Error(err)
	}
}

// envoy reads Envoy's files as bootstrap does.
func (s *state) envoy() *credentials.Material {
	s.t.Helper()
	m, err := credentials.Load(credentials.ClientFiles(s.dir), credentials.Client, s.clock(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// agree is an error unless both sides take each other for what they are, at this moment.
func (s *state) agree(server, envoy *credentials.Material) error {
	verify := func(who string, by, of *credentials.Material, usage x509.ExtKeyUsage, name string) error {
		roots := x509.NewCertPool()
		for _, root := range by.Roots() {
			roots.AddCert(root)
		}
		_, err := of.Chain()[0].Verify(x509.VerifyOptions{
			Roots: roots, CurrentTime: s.clock(), KeyUsages: []x509.ExtKeyUsage{usage}, DNSName: name,
		})
		if err != nil {
			return fmt.Errorf("at %s, %s is refused: %w", s.clock().Format(time.DateOnly), who, err)
		}
		return nil
	}
	if err := verify("contour", envoy, server, x509.ExtKeyUsageServerAuth, "contour"); err != nil {
		return err
	}
	return verify("Envoy", server, envoy, x509.ExtKeyUsageClientAuth, "")
}

func (s *state) wantAgreement(g *credentials.Generated, envoy *credentials.Material) {
	s.t.Helper()
	if err := s.agree(material(s.t, g), envoy); err != nil {
		s.t.Fatal(err)
	}
}

func material(t *testing.T, p credentials.CredentialProvider) *credentials.Material {
	t.Helper()
	m, err := p.Material()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// value returns the value of a series of the provider, whose label is called result.
func value(t *testing.T, g *credentials.Generated, name, result string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(g)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (result == "" || m.GetLabel()[0].GetValue() == result) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no series %s %s", name, result)
	return 0
}

// shake makes a real handshake between a provider's server and a client with Envoy's
// files, which dials host.
func shake(t *testing.T, s *state, g *credentials.Generated, host string) error {
	t.Helper()
	envoy := credentials.ClientFiles(s.dir)
	pair, err := tls.LoadX509KeyPair(envoy.Cert.Path, envoy.Key.Path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, root := range s.envoy().Roots() {
		roots.AddCert(root)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	server := make(chan error, 1)
	go func() { server <- tls.Server(ours, credentials.ServerTLS(g)).HandshakeContext(t.Context()) }()
	err = tls.Client(theirs, &tls.Config{ServerName: host, RootCAs: roots, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}).
		HandshakeContext(t.Context())
	if err != nil {
		return err
	}
	return <-server
}
