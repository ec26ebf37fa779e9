package xds

import (
	"log/slog"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/contour-xds/contour/internal/resources"
)

// TestANodeIsWhoItSaidItIsAtFirst lets a client change its mind about who it is.
func TestANodeIsWhoItSaidItIsAtFirst(t *testing.T) {
	rows := []struct {
		name  string
		first *corev3.Node
		group string
	}{
		{"one in a group", &corev3.Node{Id: "me", Cluster: "x"}, "x"},
		{"one in none", &corev3.Node{Id: "me"}, everyone},
		{"one without a name", nil, everyone},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var c core
			one := clusters(t, map[string]string{"a": "1s"})
			c.publish(map[string]*resources.Snapshot{everyone: one, "x": one, "y": one})
			s := &session[*discovery.DiscoveryRequest]{
				books: books{log: slog.New(slog.DiscardHandler), metrics: newMetrics(nil)}, core: &c, variant: sotw{},
				admitted: admission{gate: openGate{}},
			}
			url := served[clusterIndex].URL
			for _, node := range []*corev3.Node{row.first, {Id: "other", Cluster: "y", UserAgentName: "gRPC Go"}, nil} {
				if err := s.take(&discovery.DiscoveryRequest{Node: node, TypeUrl: url}); err != nil {
					t.Fatal(err)
				}
				if s.node.group != row.group || s.node.id != row.first.GetId() || !s.legacy {
					t.Errorf("after %v: group %q, node %v, legacy is %v", node, s.node.group, s.node.id, s.legacy)
				}
			}
		})
	}
}
