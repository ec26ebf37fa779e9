package bootstrap

import (
	"fmt"
	"net/netip"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	// connectTimeout bounds the TCP and the TLS handshake together. Envoy tries
	// again, with a growing delay, for ever.
	connectTimeout = 5 * time.Second

	// A peer that vanished without a word is found after about their sum, since Envoy
	// adds some jitter. An xDS stream is silent for hours when nothing changes, so
	// that TCP would not find it. The interval is well above what the server's own
	// enforcement permits.
	pingInterval = 30 * time.Second
	pingTimeout  = 10 * time.Second

	// breakerLimit lifts Envoy's limit of 1024 requests at a time: outside ADS, each
	// route configuration, endpoint set and secret has a stream, and so a request,
	// that never ends, and an Envoy with more of them would never get ready. It is
	// no bound that anyone should meet.
	breakerLimit = 1_000_000

	httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
)

// serverCluster is the cluster that leads to the server.
func serverCluster(cfg Config) (*clusterv3.Cluster, error) {
	options, err := http2Only()
	if err != nil {
		return nil, err
	}
	cluster := &clusterv3.Cluster{
		Name:                          ServerCluster,
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:                durationpb.New(connectTimeout),
		LoadAssignment:                server(cfg),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{httpOptions: options},
		CircuitBreakers:               circuitBreakers(),
	}
	if _, err := netip.ParseAddr(cfg.XDSAddress); err != nil {
		cluster.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		// Envoy's default takes the IPv6 addresses alone where a name has both kinds:
		// it would never find a server that listens on 127.0.0.1 as "localhost".
		cluster.DnsLookupFamily = clusterv3.Cluster_ALL
	}
	if cfg.TLS != nil {
		if cluster.TransportSocket, err = transportSocket(cfg); err != nil {
			return nil, err
		}
	}
	return cluster, nil
}

func server(cfg Config) *endpointv3.ClusterLoadAssignment {
	endpoint := &endpointv3.Endpoint{Address: socketAddress(cfg.XDSAddress, cfg.XDSPort)}
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: ServerCluster,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: endpoint},
			}},
		}},
	}
}

// http2Only: gRPC is HTTP/2, and Envoy speaks HTTP/1.1 to a cluster that does not
// say otherwise.
func http2Only() (*anypb.Any, error) {
	return packed(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
						ConnectionKeepalive: &corev3.KeepaliveSettings{
							Interval: durationpb.New(pingInterval),
							Timeout:  durationpb.New(pingTimeout),
						},
					},
				},
			},
		},
	})
}

func circuitBreakers() *clusterv3.CircuitBreakers {
	limit := func() *wrapperspb.UInt32Value { return wrapperspb.UInt32(breakerLimit) }
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		Priority:           corev3.RoutingPriority_DEFAULT,
		MaxConnections:     limit(),
		MaxPendingRequests: limit(),
		MaxRequests:        limit(),
	}}}
}

// packed is message with its type, encoded the same way every time.
func packed(message proto.Message) (*anypb.Any, error) {
	out := new(anypb.Any)
	if err := anypb.MarshalFrom(out, message, proto.MarshalOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", message.ProtoReflect().Descriptor().FullName(), err)
	}
	return out, nil
}
