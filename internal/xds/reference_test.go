package xds_test

import (
	"context"
	"net"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/contour-xds/contour/internal/resources"
)

// A reference is go-control-plane's server over its snapshot cache, that serves all
// the same.
type reference struct {
	t     testing.TB
	cache cache.SnapshotCache
	conn  *grpc.ClientConn
}

type oneForAll struct{}

// ID implements [cache.NodeHash].
func (oneForAll) ID(*corev3.Node) string { return "" }

func startReference(t testing.TB) *reference {
	t.Helper()
	// With ads=true it would hold back what a client does not name in full.
	r := &reference{t: t, cache: cache.NewSnapshotCache(false, oneForAll{}, nil)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var kept []string // types whose missing resources are kept
	for _, known := range resources.Types() {
		if known.Label != "cluster" && known.Label != "listener" {
			kept = append(kept, known.URL)
		}
	}
	g := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(g, serverv3.NewServer(ctx, r.cache, nil, sotw.DeactivateLegacyWildcardForTypes(kept)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(listener) }()
	r.conn, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.conn.Close()
		cancel()
		g.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

// Publish does as [xds.Server.Publish].
func (r *reference) Publish(snapshots *resources.Snapshots) {
	snapshot := snapshots.For("")
	var converted cache.Snapshot
	for _, known := range resources.Types() {
		items := make(map[string]types.ResourceWithTTL)
		for one := range slices.Values(snapshot.Resources(known.URL)) {
			items[one.Name] = types.ResourceWithTTL{Resource: one.Message}
		}
		converted.Resources[cache.GetResponseType(known.URL)] = cache.Resources{Version: snapshot.Version(known.URL), Items: items}
	}
	if err := r.cache.SetSnapshot(context.Background(), "", &converted); err != nil {
		r.t.Errorf("publishing to the reference: %v", err)
	}
}
