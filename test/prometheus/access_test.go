package prometheus

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/certtest"
	contourtest "github.com/contour-xds/contour/test/contour"
)

// secretType is what secrets are asked for by.
const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// guarded is a contour with an access policy and a revocation list. Its folder has a
// secret that no resource refers to.
type guarded struct {
	*contourtest.Server

	ca *certtest.CA
	// own is the server's pair, edge a client's that the policy knows, and revoked one
	// that it would know.
	own, edge, revoked *certtest.Pair
}

func serveGuarded(t *testing.T, ca *certtest.CA) *guarded {
	t.Helper()
	g := &guarded{ca: ca, own: ca.Issue(t, certtest.Server()), edge: ca.Issue(t, client("/edge/1")), revoked: ca.Issue(t, client("/edge/2"))}
	dir, resources := t.TempDir(), t.TempDir()
	files := certtest.WriteFiles(t, dir, ca, g.own)
	policy := write(t, dir, "policy.yaml", "rules:\n- name: edge\n  identities: [spiffe://example.org/edge/*]\n  groups: [edge]\n")
	lists := write(t, dir, "crl.pem", string(ca.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{g.revoked.Chain[0]}})))
	secret := filepath.Join(resources, "secrets", "kept")
	if err := os.MkdirAll(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, secret, "tls.crt", string(g.edge.CertPEM()))
	write(t, secret, "tls.key", string(g.edge.KeyPEM(t)))
	g.Server = contourtest.Start(t, "--resources", resources, "--credential-provider", "file",
		"--contour-cafile", files.CA, "--contour-mtls-cert", files.Cert, "--contour-mtls-key", files.Key,
		"--access-policy", policy, "--contour-crlfile", lists)
	return g
}

// client is a leaf whose identity is a path of the policy's trust domain.
func client(path string) certtest.Leaf {
	return certtest.Leaf{
		URIs:   []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: path}},
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// provoke has clients be denied all that an alert of one denial, or of many, is about.
func (g *guarded) provoke(t *testing.T) {
	t.Helper()
	own := &certtest.Pair{Chain: g.ca.Certify(t, client("/edge/3"), g.own.Key), Key: g.own.Key}
	for _, pair := range []*certtest.Pair{own, g.revoked, g.ca.Issue(t, client("/core/1")), g.ca.Issue(t, certtest.Leaf{CommonName: "nobody"})} {
		knock(t, g.XDS, g.ca, pair)
	}
	conn := g.dial(t)
	for range attempts {
		if _, err := ask(t, conn, "core", "kept"); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a client that claims another group: got %v", err)
		}
	}
	answer, err := ask(t, conn, "edge", "kept")
	if err != nil || len(answer.GetResources()) != 0 {
		t.Errorf("a client that asks for a secret of others: got %v, %v", answer, err)
	}
}

// dial connects the client that the policy knows.
func (g *guarded) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	config := &tls.Config{RootCAs: g.ca.Pool(), ServerName: certtest.ServerName, Certificates: []tls.Certificate{g.edge.TLS()}}
	conn, err := grpc.NewClient(g.XDS, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// ask names a secret on a stream of its own, as a client of a group, and returns the
// first answer.
func ask(t *testing.T, conn *grpc.ClientConn, group, secret string) (*discovery.DeltaDiscoveryResponse, error) {
	t.Helper()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(t.Context())
	if err != nil {
		return nil, err
	}
	request := &discovery.DeltaDiscoveryRequest{Node: &corev3.Node{Cluster: group}, TypeUrl: secretType, ResourceNamesSubscribe: []string{secret}}
	if err := stream.Send(request); err != nil {
		return nil, err
	}
	return stream.Recv()
}
