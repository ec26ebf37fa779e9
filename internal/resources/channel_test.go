package resources

import (
	"strings"
	"testing"
)

// TestSourcesThatCanNotWork asks for all that is served by sources of which Envoy
// 1.40 takes none, or this server none.
func TestSourcesThatCanNotWork(t *testing.T) {
	const grpc = "{api_config_source: {api_type: TYPE, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}"
	const named = "{api_config_source: {api_type: TYPE, transport_api_version: V3, cluster_names: [contour]}}"
	const aggregated = `is an aggregated stream of its own, which Envoy does not know inside of a resource: write "ads: {}"`
	const inNames = `names this server in cluster_names, as REST does, but gRPC wants it in grpc_services: write "ads: {}"`
	bad := []struct{ name, source, want string }{
		{"the same source", "{self: {}}", `is "self: {}", which Envoy does not know inside of a resource: write "ads: {}"`},
		{"REST", strings.Replace(named, "TYPE", "REST", 1), `asks this server by REST, but it speaks gRPC only: write "ads: {}"`},
		{"no type", strings.Replace(named, "api_type: TYPE, ", "", 1), `asks this server without an api_type that Envoy still knows: write "ads: {}"`},
		{"an aggregated stream", strings.Replace(grpc, "TYPE", "AGGREGATED_GRPC", 1), aggregated},
		{"an aggregated stream of changes", strings.Replace(grpc, "TYPE", "AGGREGATED_DELTA_GRPC", 1), aggregated},
		{"gRPC without a service", strings.Replace(named, "TYPE", "GRPC", 1), inNames},
		{"gRPC with a service and a name", strings.Replace(strings.Replace(grpc, "TYPE", "DELTA_GRPC", 1), "grpc_services", "cluster_names: [contour], grpc_services", 1), inNames},
	}
	const ads = "{ads: {}}"
	for _, asker := range []struct{ what, content string }{
		{"routes", listener("l", rds) + routeEmpty},
		{"endpoints", clusterOf("x", "type: EDS\neds_cluster_config: {eds_config: {ads: {}}}") + "\n- \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n  cluster_name: x\n"},
		{"secrets", staticSecret("sds_config: {ads: {}}")},
		{"an extension", listener("l", `http_filters: [{name: e, config_discovery: {config_source: {ads: {}}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.router.v3.Router]}}]`) + extension("e", "envoy.extensions.filters.http.router.v3.Router")},
		{"clusters on demand", listener("l", "http_filters: ["+odcds+"]")},
	} {
		for _, c := range bad {
			t.Run(asker.what+" by "+c.name, func(t *testing.T) {
				if _, got := readYAML(t, resourcesOf(asker.content)); got != "" {
					t.Fatalf("with ads: %s", got)
				}
				_, got := readYAML(t, resourcesOf(strings.Replace(asker.content, ads, c.source, 1)))
				if strings.Count(got, "\n") != 0 || !strings.HasSuffix(got, ": "+c.want) {
					t.Errorf("got:\n%s\nwant one finding: %s", got, c.want)
				}
			})
		}
	}
}
