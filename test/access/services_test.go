package access

// A service is one of the xDS services, with its two methods.
type service struct {
	label, kind string // the kind that it carries; empty for the aggregated one
	path        string
	sotw, delta string
}

func (s service) method(delta bool) string {
	if delta {
		return "/envoy.service." + s.path + "/" + s.delta
	}
	return "/envoy.service." + s.path + "/" + s.sotw
}

func services() []service {
	return []service{
		{"ads", "", "discovery.v3.AggregatedDiscoveryService", "StreamAggregatedResources", "DeltaAggregatedResources"},
		{"sds", "secret", "secret.v3.SecretDiscoveryService", "StreamSecrets", "DeltaSecrets"},
		{"cds", "cluster", "cluster.v3.ClusterDiscoveryService", "StreamClusters", "DeltaClusters"},
		{"lds", "listener", "listener.v3.ListenerDiscoveryService", "StreamListeners", "DeltaListeners"},
		{"rds", "route", "route.v3.RouteDiscoveryService", "StreamRoutes", "DeltaRoutes"},
		{"eds", "endpoint", "endpoint.v3.EndpointDiscoveryService", "StreamEndpoints", "DeltaEndpoints"},
		{"ecds", "extension", "extension.v3.ExtensionConfigDiscoveryService", "StreamExtensionConfigs", "DeltaExtensionConfigs"},
		{"rtds", "runtime", "runtime.v3.RuntimeDiscoveryService", "StreamRuntime", "DeltaRuntime"},
	}
}

// strangeMethods are methods of these and of other services, which nobody is to have
// anything by. The one by which some may see the fleet is asked in internal/fleet.
func strangeMethods() []string {
	return []string{
		"/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
		"/envoy.service.secret.v3.SecretDiscoveryService/StreamListeners",
		"/envoy.service.secret.v2.SecretDiscoveryService/StreamSecrets",
		"/envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters",
		"/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts",
		"/envoy.service.route.v3.ScopedRoutesDiscoveryService/StreamScopedRoutes",
		"/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	}
}
