package xds

import (
	"context"
	"fmt"
	"log/slog"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltaserver "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwserver "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc"

	"github.com/contour-xds/contour/internal/resources"
)

// core answers discovery streams out of the snapshot that was published last. It
// is the seam behind which the protocol lives: what is around it (services,
// bookkeeping, lifecycle) does not change with the engine.
//
// An implementation is safe for concurrent use. Its streams end when the stream's
// own context ends, or the context that it was made with.
type core interface {
	// Publish makes snapshot the one in force and wakes the streams that it
	// concerns. On an error the one before stays in force.
	Publish(snapshot *resources.Snapshot) error
	// StreamSotW answers one state-of-the-world stream until it ends. A request
	// that names no type means typeURL; when that is empty too it is an error.
	StreamSotW(stream grpc.BidiStreamingServer[discovery.DiscoveryRequest, discovery.DiscoveryResponse], typeURL string) error
	// StreamDelta is the same for a delta stream.
	StreamDelta(stream grpc.BidiStreamingServer[discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse], typeURL string) error
}

// cacheCore is go-control-plane's snapshot cache and its two stream loops.
type cacheCore struct {
	cache cache.SnapshotCache
	sotw  sotwserver.Server
	delta deltaserver.Server
}

// everyone is the one group of Envoys that there is: all are served the same.
const everyone = "everyone"

type oneGroup struct{}

// ID implements [cache.NodeHash].
func (oneGroup) ID(*corev3.Node) string { return everyone }

// newCacheCore returns a core whose streams end with ctx, too.
//
// The cache runs with ads=false: with true it holds back every answer until the
// client has named each resource of the type in the snapshot, so that one secret
// that an Envoy has no use for would keep all others from it. What consistency
// needs was checked when the resources were read.
func newCacheCore(ctx context.Context, logger *slog.Logger) *cacheCore {
	c := cache.NewSnapshotCache(false, oneGroup{}, cacheLogger(logger))
	return &cacheCore{cache: c, sotw: sotwserver.NewServer(ctx, c, nil), delta: deltaserver.NewServer(ctx, c, nil)}
}

// Publish implements [core].
func (c *cacheCore) Publish(snapshot *resources.Snapshot) error {
	var converted cache.Snapshot
	for _, t := range resources.Types() {
		items := make(map[string]types.ResourceWithTTL)
		for _, r := range snapshot.Resources(t.URL) {
			items[r.Name] = types.ResourceWithTTL{Resource: r.Message}
		}
		converted.Resources[cache.GetResponseType(t.URL)] = cache.Resources{
			Version: snapshot.Version(t.URL), Items: items,
		}
	}
	// The caller's context would only end the answers to waiting streams halfway.
	if err := c.cache.SetSnapshot(context.Background(), everyone, &converted); err != nil {
		return fmt.Errorf("publishing resources: %w", err)
	}
	return nil
}

// StreamSotW implements [core].
func (c *cacheCore) StreamSotW(stream grpc.BidiStreamingServer[discovery.DiscoveryRequest, discovery.DiscoveryResponse], typeURL string) error {
	return c.sotw.StreamHandler(newSettled(stream, typeURL), orAny(typeURL))
}

// StreamDelta implements [core].
func (c *cacheCore) StreamDelta(stream grpc.BidiStreamingServer[discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse], typeURL string) error {
	return c.delta.DeltaStreamHandler(stream, orAny(typeURL))
}

// orAny spells "the request must name it" as go-control-plane does.
func orAny(typeURL string) string {
	if typeURL == "" {
		return resource.AnyType
	}
	return typeURL
}

// cacheLogger passes on what the cache has to say to an operator; the rest is
// about its own insides.
func cacheLogger(logger *slog.Logger) log.Logger {
	return log.LoggerFuncs{
		WarnFunc:  func(format string, args ...any) { logger.Warn(fmt.Sprintf(format, args...)) },
		ErrorFunc: func(format string, args ...any) { logger.Error(fmt.Sprintf(format, args...)) },
	}
}
