package bench

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

// The kinds of servers.
const (
	// contourKind is contour as its command line puts it together.
	contourKind = "contour"
	// bareKind is crypto/tls and no more: it answers a handshake, and pushes, with as
	// many bytes as contour does.
	bareKind = "bare-tls"
	// stockKind is gRPC with its defaults, and go-control-plane's own server on it,
	// with a SnapshotCache.
	stockKind = "stock-grpc"
	// linearKind is the same with a LinearCache of clusters.
	linearKind = "linear-cache"
)

// A serverSpec says what a server is. It goes to the server's process as JSON.
type serverSpec struct {
	Kind string
	// Dir holds ca.pem, tls.crt, tls.key and, in the folder resources, what is served.
	// In the folder changed is what is served by turns with it, when it is there.
	Dir string
	// Optional. Addr is where it listens; unset means a free port of loopback.
	Addr string
	// AnswerBytes is what a bare server sends after a handshake, and PushBytes when it
	// publishes.
	AnswerBytes, PushBytes int
	// Optional. Profiles is the folder for profiles.
	Profiles string
}

// serve serves on listener, which it closes, until ctx ends. It calls ready when
// all is loaded, with what publishes a change.
func (s serverSpec) serve(ctx context.Context, listener net.Listener, ready func(publish func() error)) error {
	switch s.Kind {
	case contourKind:
		return s.serveContour(ctx, listener, ready)
	case stockKind, linearKind:
		return s.serveStock(ctx, listener, ready)
	default:
		bare, err := s.newBare()
		if err != nil {
			return err
		}
		ready(bare.publish)
		return bare.serve(ctx, listener)
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
func (s serverSpec) serveContour(ctx context.Context, listener net.Listener, ready func(publish func() error)) error {
	log := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	provider, err := s.provider(log)
	if err != nil {
		return err
	}
	defer provider.Close()
	turns, err := s.turns()
	if err != nil {
		return err
	}
	channel := handshake.Config{TLS: credentials.ServerTLS(provider), Logger: log, Registerer: registry}
	served := xds.Config{Snapshots: turns.now(), Logger: log, Registerer: registry}
	guard, err := s.guard(provider, log, registry)
	if err != nil {
		return err
	}
	if guard != nil {
		defer guard.Close()
		channel.Guard, served.Gate = guard, guard.Gate()
	}
	door := handshake.New(channel)
	defer door.Close()
	served.Credentials = door
	server := xds.New(served)
	ready(func() error {
		server.Publish(turns.next())
		return nil
	})
	return server.Serve(ctx, door.Listener(listener))
}

// turns are the snapshots that are published by turns: what the folder holds
// before and after a change. They are read beforehand by all servers alike, so that
// what publishing takes has no parsing in it.
type turns struct {
	snapshots [2]*resources.Snapshots
	turn      int
}

func (s serverSpec) turns() (*turns, error) {
	before, err := resources.Read(resources.Config{Dir: s.path("resources")})
	if err != nil {
		return nil, err
	}
	after, err := resources.Read(resources.Config{Dir: s.path("changed")})
	if errors.Is(err, fs.ErrNotExist) {
		after, err = before, nil // nothing is published then
	}
	return &turns{snapshots: [2]*resources.Snapshots{before, after}}, err
}

func (t *turns) now() *resources.Snapshots { return t.snapshots[t.turn%len(t.snapshots)] }

func (t *turns) next() *resources.Snapshots {
	t.turn++
	return t.now()
}
