package resources

import corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

// isOurs reports whether a configuration source is this server: over the stream
// that an Envoy has open, or by the cluster that leads here.
func isOurs(c *corev3.ConfigSource) bool {
	switch s := c.GetConfigSourceSpecifier().(type) {
	case *corev3.ConfigSource_Ads, *corev3.ConfigSource_Self:
		return true
	case *corev3.ConfigSource_ApiConfigSource:
		for _, name := range s.ApiConfigSource.GetClusterNames() {
			if name == ServerCluster {
				return true
			}
		}
		for _, service := range s.ApiConfigSource.GetGrpcServices() {
			if service.GetEnvoyGrpc().GetClusterName() == ServerCluster {
				return true
			}
		}
	}
	return false
}

// unusable says why an Envoy can't ask this server by that source, which is ours, or
// returns "". All but REST was tried with Envoy 1.40, which refuses the resource.
func unusable(c *corev3.ConfigSource) string {
	switch s := c.GetConfigSourceSpecifier().(type) {
	case *corev3.ConfigSource_Self:
		return `is "self: {}", which Envoy does not know inside of a resource: write "ads: {}"`
	case *corev3.ConfigSource_ApiConfigSource:
		return unusableAPI(s.ApiConfigSource)
	}
	return ""
}

func unusableAPI(api *corev3.ApiConfigSource) string {
	switch api.GetApiType() {
	case corev3.ApiConfigSource_GRPC, corev3.ApiConfigSource_DELTA_GRPC:
		if len(api.GetGrpcServices()) == 0 || len(api.GetClusterNames()) > 0 {
			return `names this server in cluster_names, as REST does, but gRPC wants it in grpc_services: write "ads: {}"`
		}
		return ""
	case corev3.ApiConfigSource_AGGREGATED_GRPC, corev3.ApiConfigSource_AGGREGATED_DELTA_GRPC:
		return `is an aggregated stream of its own, which Envoy does not know inside of a resource: write "ads: {}"`
	case corev3.ApiConfigSource_REST:
		return `asks this server by REST, but it speaks gRPC only: write "ads: {}"`
	default:
		return `asks this server without an api_type that Envoy still knows: write "ads: {}"`
	}
}
