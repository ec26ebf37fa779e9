package fleet_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"iter"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/contour-xds/contour/internal/access"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/fleet"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server is a whole xDS server with the service, that trusts two CAs as in the second
// step of a rollover, and decides by a policy.
type server struct {
	t        *testing.T
	old, new *certtest.CA
	addr     string
	policy   string // the path of its file
	xds      *xds.Server
	registry *prometheus.Registry
	log      *logtest.Buffer
}

const everybody = `rules:
- {name: envoys, identities: ["*.example.org", "envoy"], groups: ["*"]}
- {name: monitors, identities: [monitor], status: true}
`

func serve(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{
		t: t, old: certtest.NewRoot(t, "old", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(-time.Minute) }), new: certtest.NewCA(t, "new"), policy: filepath.Join(dir, "policy.yaml"),
		registry: prometheus.NewPedanticRegistry(), log: &logtest.Buffer{},
	}
	certtest.WriteFile(t, s.policy, []byte(everybody))
	paths := certtest.WriteFiles(t, dir, s.new, s.new.Issue(t, certtest.Server()))
	certtest.WriteFile(t, paths.CA, bytes.Join([][]byte{s.old.PEM(), s.new.PEM()}, nil))
	log := slog.New(slog.NewTextHandler(s.log, nil))
	provider, err := credentials.NewFile(credentials.FileConfig{Files: credentials.FileSet{
		CA: credentials.Source{Path: paths.CA}, Cert: credentials.Source{Path: paths.Cert}, Key: credentials.Source{Path: paths.Key},
	}})
	must(t, err)
	policy, err := files.NewLive(files.LiveConfig[*identity.Policy]{
		Setting: "policy", Path: s.policy, What: "policy", Name: "policy", Parse: identity.ParsePolicy, Poll: 20 * time.Millisecond,
	})
	must(t, err)
	guard := access.New(access.Config{Provider: provider, Policy: policy, Logger: log, Registerer: s.registry})
	door := handshake.New(handshake.Config{TLS: credentials.ServerTLS(provider), Provider: provider, Guard: guard, Logger: log})
	s.run(door, guard)
	t.Cleanup(func() {
		_ = door.Close()
		_ = guard.Close()
		_ = policy.Close()
		_ = provider.Close()
	})
	return s
}

// run runs the server behind a door.
func (s *server) run(door *handshake.Door, guard *access.Guard) {
	s.t.Helper()
	s.xds = xds.New(xds.Config{
		Credentials: door, Snapshots: s.snapshots("1s"), Gate: gate{guard},
		Register: fleet.NewService(fleet.Config{
			Streams: func() iter.Seq[xds.Stream] { return s.xds.Streams() }, NewestRoot: door.NewestRoot, Authorize: gate{guard}.see,
		}).Register,
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.xds.Serve(ctx, door.Listener(listener)) }()
	go func() { ended <- door.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			must(s.t, <-ended)
		}
	})
}

// snapshots are one cluster, whose content is the timeout.
func (s *server) snapshots(timeout string) *resources.Snapshots {
	s.t.Helper()
	dir := s.t.TempDir()
	text := "resources:\n- {\"@type\": " + resourcev3.ClusterType + ", name: one, connect_timeout: " + timeout + "}\n"
	must(s.t, os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600))
	snapshots, err := resources.Read(resources.Config{Dir: dir})
	must(s.t, err)
	return snapshots
}

// A gate is the one of cmd/contour.
type gate struct{ guard *access.Guard }

func (g gate) Join(client *peer.Peer, group, nodeID string) (xds.Pass, error) {
	leaf := client.AuthInfo.(*handshake.Peer).Leaf()
	grant, err := g.guard.Join(access.Client{Leaf: leaf, Remote: client.Addr.String(), Group: group, NodeID: nodeID})
	return xds.Pass{Identity: grant.Identity, Rule: grant.Rules, Secrets: grant.Secrets}, err
}

func (g gate) Changed() <-chan struct{} { return g.guard.Changed() }

func (g gate) see(caller *peer.Peer) error {
	return g.guard.See(access.Client{Leaf: caller.AuthInfo.(*handshake.Peer).Leaf(), Remote: caller.Addr.String()})
}

// dial connects with a certificate.
func (s *server) dial(pair *certtest.Pair) *grpc.ClientConn {
	s.t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(s.tls(pair).TLS)))
	must(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// tls is a call with a certificate.
func (s *server) tls(pair *certtest.Pair) fleet.Call {
	m := credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{s.new.Cert}, time.Now())
	return fleet.Call{Address: s.addr, TLS: credentials.ClientTLS(m, certtest.ServerName)}
}

// An envoy is an aggregated stream that has clusters.
type envoy struct {
	t      *testing.T
	stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	nonce  string
}

// envoy opens a stream on a connection, asks for clusters, and accepts those that come.
func (s *server) envoy(conn *grpc.ClientConn, node *corev3.Node) *envoy {
	s.t.Helper()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(s.t.Context())
	must(s.t, err)
	e := &envoy{t: s.t, stream: stream}
	must(s.t, stream.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: resourcev3.ClusterType}))
	e.next()
	e.answer("")
	return e
}

func (e *envoy) next() {
	e.t.Helper()
	resp, err := e.stream.Recv()
	must(e.t, err)
	e.nonce = resp.GetNonce()
}

// answer accepts, or refuses with words.
func (e *envoy) answer(words string) {
	e.t.Helper()
	req := &discovery.DeltaDiscoveryRequest{TypeUrl: resourcev3.ClusterType, ResponseNonce: e.nonce}
	if words != "" {
		req.ErrorDetail = &rpcstatus.Status{Message: words}
	}
	must(e.t, e.stream.Send(req))
}

// operator is a client's leaf with an operator's name.
func operator() certtest.Leaf {
	uri, err := url.Parse(identity.OperatorURI)
	if err != nil {
		panic(err)
	}
	leaf := certtest.Client()
	leaf.DNSNames, leaf.URIs = nil, []*url.URL{uri}
	return leaf
}

// named is a client's leaf with one name.
func named(name string) certtest.Leaf {
	leaf := certtest.Client()
	leaf.DNSNames = []string{name}
	return leaf
}

// denied is how many were, for seeing what they may not.
func (s *server) denied() float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	must(s.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "contour_xds_denied_total" && m.GetLabel()[0].GetValue() == string(access.StatusForbidden) {
				return m.GetCounter().GetValue()
			}
		}
	}
	s.t.Fatal("no such series")
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
