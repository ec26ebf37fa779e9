package xds_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/xds"
)

func TestStreamsBeyondTheLimitAreRefusedUntilOneEnds(t *testing.T) {
	f := start(t, func(cfg *xds.Config) { cfg.MaxStreams = 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	health := healthpb.NewHealthClient(f.conn)
	watching, stopWatching := context.WithCancel(ctx)
	watch, err := health.Watch(watching, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	ads := discovery.NewAggregatedDiscoveryServiceClient(f.conn)
	first, err := ads.DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := askForClusters(first); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		beyond, err := ads.DeltaAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := askForClusters(beyond); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("got %v", err)
		}
	}
	if n := f.value("contour_xds_streams_refused_total"); n != 3 {
		t.Errorf("%v refused", n)
	}
	if lines := strings.Count(f.log.String(), "--max-streams"); lines != 1 {
		t.Errorf("%d lines: %s", lines, f.log)
	}
	if _, err := health.Check(ctx, &healthpb.HealthCheckRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a call with one request: %v", err)
	}
	stopWatching()
	for {
		next, err := ads.DeltaAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := askForClusters(next); err == nil {
			return
		} else if ctx.Err() != nil {
			t.Fatalf("no stream ever gets in again: %v", err)
		}
	}
}

// askForClusters asks for all clusters and waits for the answer.
func askForClusters(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesClient) error {
	err := stream.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster"})
	if err == nil || errors.Is(err, io.EOF) { // the stream has ended, and Recv says how
		_, err = stream.Recv()
	}
	return err
}
