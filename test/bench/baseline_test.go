package bench

import (
	"context"
	"net"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	controlplane "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/resources"
)

// A stockCache is one of go-control-plane's caches, and how a change of one
// resource gets into it.
type stockCache struct {
	cache.Cache
	publish func() error
}

// serveStock is what go-control-plane's documentation shows, with contour's TLS
// config and resources.
func (s serverSpec) serveStock(ctx context.Context, listener net.Listener, ready func(publish func() error)) error {
	provider, err := s.provider(nil)
	if err != nil {
		return err
	}
	defer provider.Close()
	stock, err := s.stockCache(ctx)
	if err != nil {
		return err
	}
	g := grpc.NewServer(grpc.Creds(grpccredentials.NewTLS(credentials.ServerTLS(provider))))
	discovery.RegisterAggregatedDiscoveryServiceServer(g, controlplane.NewServer(ctx, stock, nil))
	defer context.AfterFunc(ctx, g.Stop)()
	ready(stock.publish)
	return g.Serve(listener)
}

func (s serverSpec) stockCache(ctx context.Context) (*stockCache, error) {
	turns, err := s.turns()
	if err != nil {
		return nil, err
	}
	if s.Kind == linearKind {
		return newLinear(turns), nil
	}
	return newSnapshots(ctx, turns)
}

// everyNode puts all nodes into one group, so that they share a snapshot: what
// SnapshotCache is best at.
type everyNode struct{}

func (everyNode) ID(*corev3.Node) string { return nodeID }

func newSnapshots(ctx context.Context, t *turns) (*stockCache, error) {
	snapshots := cache.NewSnapshotCache(false, everyNode{}, nil)
	version := 0
	publish := func() error {
		byType := make(map[resource.Type][]types.Resource)
		for _, kind := range resources.Types() {
			byType[kind.URL] = messagesOf(t.now(), kind.URL)
		}
		version++
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), byType)
		if err != nil {
			return err
		}
		t.next()
		return snapshots.SetSnapshot(ctx, nodeID, snapshot)
	}
	return &stockCache{snapshots, publish}, publish()
}

// newLinear returns the cache of one type, clusters. It is told of the one that
// changed.
func newLinear(t *turns) *stockCache {
	clusters := make(map[string]types.Resource)
	for _, r := range t.now().For("").Resources(clusterURL) {
		clusters[r.Name] = r.Message
	}
	linear := cache.NewLinearCache(clusterURL, cache.WithInitialResources(clusters))
	publish := func() error {
		t.next()
		changed := t.now().For("").Resources(clusterURL)[0]
		return linear.UpdateResource(changed.Name, changed.Message)
	}
	return &stockCache{linear, publish}
}

func messagesOf(s *resources.Snapshots, typeURL string) []types.Resource {
	var all []types.Resource
	for _, r := range s.For("").Resources(typeURL) {
		all = append(all, r.Message)
	}
	return all
}
