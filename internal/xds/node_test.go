package xds_test

import (
	"fmt"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestForGRPCNothingNamedIsNothing plays gRPC's xDS clients, which subscribe by name
// alone.
func TestForGRPCNothingNamedIsNothing(t *testing.T) {
	for _, agent := range []string{"gRPC Go", "gRPC C-core", "gRPC Java"} {
		for _, delta := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, delta is %v", agent, delta), func(t *testing.T) {
				s := newStage(t, delta, start(t))
				s.peer.node = &corev3.Node{Id: "a-client", UserAgentName: agent}
				s.play(`
					publish listener/l@1 cluster/a@1
					> listener
					> cluster
					publish listener/l@2 cluster/a@2
					> listener +l
					< listener l@2
					> cluster +a
					< cluster a@2
					publish listener/l@2 listener/other@1 cluster/a@2 cluster/other@1
					publish listener/l@2 listener/other@1 cluster/a@3 cluster/other@1
					< cluster a@3`)
			})
		}
	}
}

func TestARequestMustNameTheTypeOfItsService(t *testing.T) {
	const clusterSotW, clusterDelta = "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters", "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters"
	rows := []struct{ name, sotw, delta, url string }{
		{"none on the aggregated service", adsSotW, adsDelta, ""},
		{"a secret on the service for clusters", clusterSotW, clusterDelta, typeURL("secret")},
		{"one that is not served on the service for clusters", clusterSotW, clusterDelta, "type.googleapis.com/made.up.Type"},
	}
	f := start(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			sotw, delta := openSotW(f, row.sotw), openDelta(f, row.delta)
			if err := sotw.Send(&discovery.DiscoveryRequest{Node: node, TypeUrl: row.url, ResourceNames: []string{"a-secret"}}); err != nil {
				t.Fatal(err)
			}
			if resp, err := sotw.Recv(); status.Code(err) != codes.InvalidArgument {
				t.Errorf("state of the world: %v, %v", resp, err)
			}
			if err := delta.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: row.url, ResourceNamesSubscribe: []string{"a-secret"}}); err != nil {
				t.Fatal(err)
			}
			if resp, err := delta.Recv(); status.Code(err) != codes.InvalidArgument {
				t.Errorf("delta: %v, %v", resp, err)
			}
		})
	}
}

// TestVersionsAreOfTheSetThatWasSent asks two servers for several sets.
func TestVersionsAreOfTheSetThatWasSent(t *testing.T) {
	f, other := start(t), start(t)
	c := content{"cluster/a": 1, "cluster/b": 1, "endpoint/a": 1, "endpoint/b": 1}
	f.Publish(content{"cluster/a": 2}.snapshot(t)) // one has a past, the other one has not
	f.Publish(c.snapshot(t))
	other.Publish(c.snapshot(t))
	seen := map[string]string{}
	for _, row := range []struct {
		label string
		names []string
	}{
		{"cluster", nil},
		{"cluster", []string{"a"}},
		{"cluster", []string{"b"}},
		{"cluster", []string{"none"}},
		{"endpoint", []string{"*"}},
		{"endpoint", []string{"a"}},
	} {
		set := fmt.Sprint(row.label, row.names)
		req := &discovery.DiscoveryRequest{Node: node, TypeUrl: typeURL(row.label), ResourceNames: row.names}
		version := ask(t, openSotW(f, adsSotW), req).GetVersionInfo()
		if again := ask(t, openSotW(other, adsSotW), req).GetVersionInfo(); again != version || version == "" {
			t.Errorf("%s is %q by one server and %q by another", set, version, again)
		}
		if earlier, ok := seen[version]; ok {
			t.Errorf("%s bears the version of %s", set, earlier)
		}
		seen[version] = set
	}
}
