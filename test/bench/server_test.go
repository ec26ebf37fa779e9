package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	controlplane "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

// The kinds of servers.
const (
	// contourKind is contour as its command line puts it together.
	contourKind = "contour"
	// bareKind is crypto/tls and no more: it answers a handshake with as many bytes
	// as contour does.
	bareKind = "bare-tls"
	// stockKind is gRPC with its defaults, and go-control-plane's own server on it.
	stockKind = "stock-grpc"
)

// A serverSpec says what a server is. It goes to the server's process as JSON.
type serverSpec struct {
	Kind string
	// Dir holds ca.pem, tls.crt, tls.key and, in the folder resources, what is served.
	Dir string
	// AnswerBytes is what a bare server sends after a handshake.
	AnswerBytes int
	// Optional. Profiles is the folder for profiles.
	Profiles string
}

// serve serves on listener, which it closes, until ctx ends.
func (s serverSpec) serve(ctx context.Context, listener net.Listener) error {
	switch s.Kind {
	case contourKind:
		return s.serveContour(ctx, listener)
	case stockKind:
		return s.serveStock(ctx, listener)
	default:
		return s.serveBare(ctx, listener)
	}
}

func (s serverSpec) path(name string) string { return filepath.Join(s.Dir, name) }

func (s serverSpec) provider(log *slog.Logger) (*credentials.File, error) {
	return credentials.NewFile(credentials.FileConfig{Logger: log, Files: credentials.FileSet{
		CA: credentials.Source{Path: s.path("ca.pem")}, Cert: credentials.Source{Path: s.path("tls.crt")},
		Key: credentials.Source{Path: s.path("tls.key")},
	}})
}

// serveContour is what cmd/contour does, with its defaults, but for the listener of
// metrics and the following of files.
func (s serverSpec) serveContour(ctx context.Context, listener net.Listener) error {
	log := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	provider, err := s.provider(log)
	if err != nil {
		return err
	}
	defer provider.Close()
	folder, err := resources.Open(resources.Config{Dir: s.path("resources"), Logger: log, Registerer: registry})
	if err != nil {
		return err
	}
	door := handshake.New(handshake.Config{TLS: credentials.ServerTLS(provider), Logger: log, Registerer: registry})
	defer door.Close()
	server := xds.New(xds.Config{Credentials: door, Snapshots: folder.Snapshots(), Logger: log, Registerer: registry})
	return server.Serve(ctx, door.Listener(listener))
}

// serveStock is what go-control-plane's documentation shows, with contour's TLS
// config and snapshot.
func (s serverSpec) serveStock(ctx context.Context, listener net.Listener) error {
	provider, err := s.provider(nil)
	if err != nil {
		return err
	}
	defer provider.Close()
	snapshots, err := s.stockCache(ctx)
	if err != nil {
		return err
	}
	g := grpc.NewServer(grpc.Creds(grpccredentials.NewTLS(credentials.ServerTLS(provider))))
	discovery.RegisterAggregatedDiscoveryServiceServer(g, controlplane.NewServer(ctx, snapshots, nil))
	defer context.AfterFunc(ctx, g.Stop)()
	return g.Serve(listener)
}

func (s serverSpec) stockCache(ctx context.Context) (cache.Cache, error) {
	read, err := resources.Read(resources.Config{Dir: s.path("resources")})
	if err != nil {
		return nil, err
	}
	byType := make(map[resource.Type][]types.Resource)
	for _, t := range resources.Types() {
		for _, r := range read.For("").Resources(t.URL) {
			byType[t.URL] = append(byType[t.URL], r.Message)
		}
	}
	snapshot, err := cache.NewSnapshot("1", byType)
	if err != nil {
		return nil, err
	}
	snapshots := cache.NewSnapshotCache(false, cache.IDHash{}, nil)
	return snapshots, snapshots.SetSnapshot(ctx, nodeID, snapshot)
}

// serveBare has the TLS policy of contour spelled out: what contour's own config
// costs is contour's.
func (s serverSpec) serveBare(ctx context.Context, listener net.Listener) error {
	cert, err := tls.LoadX509KeyPair(s.path("tls.crt"), s.path("tls.key"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(s.path("ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, SessionTicketsDisabled: true,
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	answer := settingsFrame(s.AnswerBytes)
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go answerOnce(tls.Server(conn, config), answer)
	}
}

// answerOnce shakes hands, says so, and goes when the client goes.
func answerOnce(conn *tls.Conn, answer []byte) {
	defer conn.Close()
	if conn.Handshake() != nil {
		return
	}
	if _, err := conn.Write(answer); err != nil {
		return
	}
	_, _ = conn.Read(make([]byte, len(answer)))
}
