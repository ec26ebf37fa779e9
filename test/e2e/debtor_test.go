package e2e

import (
	"context"
	"net"
	"slices"
	"strconv"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/internal/resources"
)

// A debtor is a server that serves a folder in plaintext over ADS, just as contour
// would, to one Envoy. Told to, it sends clusters that changed and from then on
// nothing at all, however it is asked.
type debtor struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer

	t        *testing.T
	listener net.Listener
	server   *grpc.Server
	first    *resources.Snapshot
	last     chan *resources.Snapshot
}

func startDebtor(t *testing.T, f *fixture) *debtor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &debtor{t: t, listener: listener, server: grpc.NewServer(), first: readFolder(t, f.resources), last: make(chan *resources.Snapshot, 1)}
	discovery.RegisterAggregatedDiscoveryServiceServer(d.server, d)
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listener) }()
	t.Cleanup(func() {
		d.end()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return d
}

func (d *debtor) port() string {
	return strconv.Itoa(d.listener.Addr().(*net.TCPAddr).Port)
}

// sendClustersAlone sends the clusters that the folder holds now.
func (d *debtor) sendClustersAlone(f *fixture) {
	d.t.Helper()
	d.last <- readFolder(d.t, f.resources)
}

// end ends the server as a crash does.
func (d *debtor) end() { d.server.Stop() }

// StreamAggregatedResources implements the state-of-the-world variant.
func (d *debtor) StreamAggregatedResources(stream discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	asked := make(map[string][]string) // by type, the names of the last request
	send := func(s *resources.Snapshot, url string, names []string) error {
		resp := &discovery.DiscoveryResponse{TypeUrl: url, VersionInfo: s.Version(url), Nonce: url}
		for _, r := range among(s.Resources(url), names) {
			resp.Resources = append(resp.Resources, &anypb.Any{TypeUrl: url, Value: r.Body})
		}
		return stream.Send(resp)
	}
	return owe(stream.Context(), d, stream.Recv, func(req *discovery.DiscoveryRequest) error {
		url, names := req.GetTypeUrl(), req.GetResourceNames()
		if before, known := asked[url]; known && slices.Equal(before, names) {
			return nil // it accepts
		}
		asked[url] = names
		return send(d.first, url, names)
	}, send)
}

// DeltaAggregatedResources implements the incremental variant.
func (d *debtor) DeltaAggregatedResources(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	asked := make(map[string]bool) // by type
	send := func(s *resources.Snapshot, url string, names []string) error {
		resp := &discovery.DeltaDiscoveryResponse{TypeUrl: url, SystemVersionInfo: s.Version(url), Nonce: url}
		for _, r := range among(s.Resources(url), names) {
			resp.Resources = append(resp.Resources, &discovery.Resource{
				Name: r.Name, Version: r.Version, Resource: &anypb.Any{TypeUrl: url, Value: r.Body},
			})
		}
		return stream.Send(resp)
	}
	return owe(stream.Context(), d, stream.Recv, func(req *discovery.DeltaDiscoveryRequest) error {
		url, names := req.GetTypeUrl(), req.GetResourceNamesSubscribe()
		if asked[url] && len(names) == 0 {
			return nil // it accepts, or drops something
		}
		asked[url] = true
		return send(d.first, url, names)
	}, send)
}

// owe answers requests until clusters are to be sent, and none from then on.
func owe[Req any](ctx context.Context, d *debtor, receive func() (Req, error), answer func(Req) error,
	send func(s *resources.Snapshot, url string, names []string) error,
) error {
	requests := make(chan Req)
	go func() {
		for {
			req, err := receive()
			if err != nil {
				return // the stream ends, and so does ctx
			}
			select {
			case requests <- req:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case req := <-requests:
			if err := answer(req); err != nil {
				return err
			}
		case s := <-d.last:
			if err := send(s, resourcev3.ClusterType, nil); err != nil {
				return err
			}
			answer = func(Req) error { return nil }
		case <-ctx.Done():
			return nil
		}
	}
}

// among are the resources of these names, or all when there are none.
func among(all []*resources.Resource, names []string) []*resources.Resource {
	if len(names) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(r *resources.Resource) bool { return !slices.Contains(names, r.Name) })
}
