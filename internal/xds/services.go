package xds

import (
	"log/slog"
	"strings"

	clusterservice "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservice "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extensionservice "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	listenerservice "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	routeservice "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	runtimeservice "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// A service is one of the xDS services. Each has a state-of-the-world and a delta
// stream, and they differ in nothing but their names and the type they carry.
type service struct {
	// label is the service's name in metrics and logs.
	label string
	// typeURL is what a request without a type means; empty means that each request
	// must name one, as on the aggregated service.
	typeURL string
	desc    grpc.ServiceDesc
}

// services are all that this server offers. Scoped routes, virtual hosts and
// rate limits are not among them: no resource of theirs is read.
func services() []service {
	return []service{
		{"ads", "", discovery.AggregatedDiscoveryService_ServiceDesc},
		{"lds", resourcev3.ListenerType, listenerservice.ListenerDiscoveryService_ServiceDesc},
		{"rds", resourcev3.RouteType, routeservice.RouteDiscoveryService_ServiceDesc},
		{"cds", resourcev3.ClusterType, clusterservice.ClusterDiscoveryService_ServiceDesc},
		{"eds", resourcev3.EndpointType, endpointservice.EndpointDiscoveryService_ServiceDesc},
		{"sds", resourcev3.SecretType, secretservice.SecretDiscoveryService_ServiceDesc},
		{"rtds", resourcev3.RuntimeType, runtimeservice.RuntimeDiscoveryService_ServiceDesc},
		{"ecds", resourcev3.ExtensionConfigType, extensionservice.ExtensionConfigDiscoveryService_ServiceDesc},
	}
}

// The two variants of the protocol, as labels.
const (
	sotwLabel  = "sotw"
	deltaLabel = "delta"
)

// register offers every service on g. The generated descriptions are taken for
// their names; their handlers, each bound to an interface of its own, are
// replaced by the two that serve all. The unary Fetch methods are left out, and
// so answered with UNIMPLEMENTED: Envoy uses them over REST only.
func (s *Server) register(g *grpc.Server) {
	for _, svc := range services() {
		desc := grpc.ServiceDesc{ServiceName: svc.desc.ServiceName, Metadata: svc.desc.Metadata}
		for _, method := range svc.desc.Streams {
			method.Handler = handler(s, svc, sotwLabel, sotw{})
			if strings.HasPrefix(method.StreamName, "Delta") {
				method.Handler = handler(s, svc, deltaLabel, delta{})
			}
			desc.Streams = append(desc.Streams, method)
		}
		g.RegisterService(&desc, nil)
	}
}

func handler[Req request](s *Server, svc service, label string, v variant[Req]) grpc.StreamHandler {
	m := &method{svc.label, label}
	return func(_ any, raw grpc.ServerStream) error {
		return s.handle(raw, svc, label, func(log *slog.Logger) error {
			client, _ := peer.FromContext(raw.Context()) // a server always has it
			session := &session[Req]{
				books:    books{log: log, metrics: s.metrics, method: m, opened: instantNow()},
				admitted: admission{gate: s.gate, client: client}, core: &s.core,
				variant: v, stream: raw, typeURL: svc.typeURL, drainTime: s.listenerDrain,
			}
			s.roster.add(session)
			defer s.roster.remove(session)
			return session.run(s.draining)
		})
	}
}
