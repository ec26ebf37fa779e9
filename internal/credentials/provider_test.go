package credentials_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// The provider that docs/design/0002-credential-providers.md shows, to the
// letter.

// begin rotating

// Rotating gives the generation that was set last. It is safe for concurrent use.
type Rotating struct {
	current atomic.Pointer[credentials.Material]
}

// NewRotating returns a provider of m.
func NewRotating(m *credentials.Material) *Rotating {
	r := &Rotating{}
	r.current.Store(m)
	return r
}

// Set makes m the generation in force, from the next handshake on.
func (r *Rotating) Set(m *credentials.Material) { r.current.Store(m) }

// Material implements [credentials.CredentialProvider].
func (r *Rotating) Material() (*credentials.Material, error) { return r.current.Load(), nil }

// Close implements [credentials.CredentialProvider].
func (r *Rotating) Close() error { return nil }

// end rotating

var _ credentials.CredentialProvider = (*Rotating)(nil)

func TestTheDesignRecordShowsAProviderThatWorks(t *testing.T) {
	source, err := os.ReadFile("provider_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// begin rotating\n\n")
	code, _, _ = strings.Cut(code, "\n// end rotating")
	record, err := os.ReadFile("../../docs/design/0002-credential-providers.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(record), "```go\n"+code+"```") {
		t.Error("docs/design/0002-credential-providers.md does not show the provider of this file")
	}
}

func TestServerTLSServesTheGenerationInForce(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	generation := func() (*credentials.Material, *x509.Certificate) {
		pair := ca.Issue(t, certtest.Server())
		return credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now()), pair.Chain[0]
	}
	first, firstLeaf := generation()
	second, secondLeaf := generation()
	provider := NewRotating(first)
	config := credentials.ServerTLS(provider)

	for _, row := range []struct {
		name string
		m    *credentials.Material
		want *x509.Certificate
	}{{"the first", first, firstLeaf}, {"the next", second, secondLeaf}, {"the first again", first, firstLeaf}} {
		provider.Set(row.m)
		if got := served(t, config, ca); !got.Equal(row.want) {
			t.Errorf("%s generation is not what the handshake shows", row.name)
		}
	}
}

// served returns the certificate that a client of ca is shown.
func served(t *testing.T, config *tls.Config, ca *certtest.CA) *x509.Certificate {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	for _, end := range []net.Conn{near, far} { // one that refuses waits for its alert to be read
		if err := end.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- tls.Server(far, config).Handshake() }()
	client := tls.Client(near, &tls.Config{
		RootCAs: ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{ca.Issue(t, certtest.Client()).TLS()},
	})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0]
}

// failing has nothing to serve with.
type failing struct{ err error }

func (f failing) Material() (*credentials.Material, error) { return nil, f.err }
func (f failing) Close() error                             { return nil }

func TestServerTLSTellsWhyThereIsNothingToServeWith(t *testing.T) {
	cause := errors.New("the vault is closed")
	_, err := credentials.ServerTLS(failing{cause}).GetConfigForClient(nil)
	if !errors.Is(err, credentials.ErrUnavailable) || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestServerTLSStatesThePolicyInBothConfigs(t *testing.T) {
	f := newFixture(t, certtest.Server())
	m, err, _ := f.load(credentials.Server)
	if err != nil {
		t.Fatal(err)
	}
	outer := credentials.ServerTLS(NewRotating(m))
	inner, err := outer.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{"outer": outer, "inner": inner} {
		if config.MinVersion != tls.VersionTLS13 || config.ClientAuth != tls.RequireAndVerifyClientCert ||
			!config.SessionTicketsDisabled || config.VerifyPeerCertificate != nil || config.InsecureSkipVerify ||
			strings.Join(config.NextProtos, ",") != "h2" {
			t.Errorf("the %s config does not state the policy", name)
		}
	}
	if again, _ := outer.GetConfigForClient(nil); again != inner {
		t.Error("a config is made for each handshake")
	}
}
