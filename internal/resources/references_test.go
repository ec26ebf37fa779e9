package resources

import (
	"strings"
	"testing"
)

// listener is a resource with the connection manager's fields given, each on a
// line of its own, and with routes if it has none.
func listener(name, manager string) string {
	if !strings.Contains(manager, "rds: {route") && !strings.Contains(manager, "route_config: ") && !strings.Contains(manager, "scoped_routes: ") {
		manager += "\nroute_config: {}"
	}
	return `
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: ` + name + `
  address: {socket_address: {address: 127.0.0.1, port_value: 80}}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: x
        ` + strings.ReplaceAll(manager, "\n", "\n        ") + "\n"
}

const (
	inlineRoute  = `route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: away}}]}]}`
	router       = `{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}`
	odcds        = `{name: on_demand, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand, odcds: {source: {ads: {}}}}}`
	perRoute     = `{on_demand: {"@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.PerRouteConfig, odcds: {source: {ads: {}}}}}`
	routeAway    = "\n- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n  name: r\n  virtual_hosts: [{name: v, domains: [\"*\"], routes: [{match: {prefix: /}, route: {cluster: away}}]}]\n"
	routeEmpty   = "\n- \"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n  name: r\n"
	rds          = `rds: {route_config_name: r, config_source: {ads: {}}}`
	remedy       = `, which no file defines: define it, or name it in --external-clusters if every Envoy knows it from its own start`
	waits        = `, which no file defines, so that an Envoy would wait for it: define it`
	inManager    = `listener "l": filter_chains[0].filters[0].typed_config.`
	tcpProxyType = `"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: x, `
)

// tcpListener has the filters given in its only chain.
func tcpListener(filters string) string {
	return "\n- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n  name: l\n  address: {socket_address: {address: 127.0.0.1, port_value: 80}}\n  filter_chains: [{filters: [" + filters + "]}]\n"
}

func clusterOf(name, fields string) string {
	return "\n- \"@type\": " + clusterURL + "\n  name: " + name + "\n" + indent(fields)
}

func extension(name, config string) string {
	return "\n- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n  name: " + name + "\n  typed_config: {\"@type\": type.googleapis.com/" + config + "}\n"
}

func TestReferencesThatLeadNowhere(t *testing.T) {
	const eds = "type: EDS\neds_cluster_config: {eds_config: {ads: {}}}"
	const api = "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}"
	for _, c := range []struct {
		name, content, want string
	}{
		{"a route to a cluster", listener("l", inlineRoute), `a.yaml:11: ` + inManager + `route_config.virtual_hosts[0].routes[0].route.cluster: names the cluster "away"` + remedy},
		{"a route in a route configuration", routeAway, `a.yaml:4: route "r": virtual_hosts[0].routes[0].route.cluster: names the cluster "away"` + remedy},
		{"a weighted cluster", strings.Replace(routeAway, "cluster: away", "weighted_clusters: {clusters: [{name: here, weight: 1}, {name: away, weight: 1}]}", 1) + cluster("here"), `a.yaml:4: route "r": virtual_hosts[0].routes[0].route.weighted_clusters.clusters[1].name: names the cluster "away"` + remedy},
		{"a mirror", strings.Replace(routeAway, "cluster: away", "cluster: here, request_mirror_policies: [{cluster: away}]", 1) + cluster("here"), `a.yaml:4: route "r": virtual_hosts[0].routes[0].route.request_mirror_policies[0].cluster: names the cluster "away"` + remedy},
		{"connections", tcpListener("{name: t, typed_config: {" + tcpProxyType + "cluster: away}}"), `a.yaml:5: listener "l": filter_chains[0].filters[0].typed_config.cluster: names the cluster "away"` + remedy},
		{"weighted connections", tcpListener("{name: t, typed_config: {" + tcpProxyType + "weighted_clusters: {clusters: [{name: away, weight: 1}]}}}"), `a.yaml:5: listener "l": filter_chains[0].filters[0].typed_config.weighted_clusters.clusters[0].name: names the cluster "away"` + remedy},
		{"an aggregate", clusterOf("x", "lb_policy: CLUSTER_PROVIDED\ncluster_type: {name: envoy.clusters.aggregate, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [here, away]}}") + cluster("here"), `a.yaml:5: cluster "x": cluster_type.typed_config.clusters[1]: names the cluster "away"` + remedy},
		{"a service of a filter, on demand or not", listener("l", "http_filters: ["+odcds+`, {name: a, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, grpc_service: {envoy_grpc: {cluster_name: away}}}}]`), `a.yaml:11: ` + inManager + `http_filters[1].typed_config.grpc_service.envoy_grpc.cluster_name: names the cluster "away"` + remedy},
		{"a set of keys", listener("l", `http_filters: [{name: j, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication, providers: {p: {remote_jwks: {http_uri: {uri: "https://x", cluster: away, timeout: 1s}}}}}}]`), `a.yaml:11: ` + inManager + `http_filters[0].typed_config.providers["p"].remote_jwks.http_uri.cluster: names the cluster "away"` + remedy},
		{"a source of configuration on another cluster", clusterOf("x", strings.Replace(eds, "{ads: {}}", strings.Replace(api, "contour", "away", 1), 1)), `a.yaml:5: cluster "x": eds_cluster_config.eds_config.api_config_source.grpc_services[0].envoy_grpc.cluster_name: names the cluster "away"` + remedy},
		{"routes", listener("l", rds), `a.yaml:11: ` + inManager + `rds.config_source: asks this server for the RouteConfiguration "r"` + waits},
		{"routes from this server's cluster", listener("l", strings.Replace(rds, "{ads: {}}", api, 1)), `a.yaml:11: ` + inManager + `rds.config_source: asks this server for the RouteConfiguration "r"` + waits},
		{"routes by scope", listener("l", `scoped_routes: {name: s, scope_key_builder: {fragments: [{header_value_extractor: {name: a, index: 0}}]}, rds_config_source: {ads: {}}, scoped_route_configurations_list: {scoped_route_configurations: [{name: a, route_configuration_name: r, key: {fragments: [{string_key: a}]}}]}}`), `a.yaml:11: ` + inManager + `scoped_routes.rds_config_source: asks this server for the RouteConfiguration "r"` + waits},
		{"endpoints by the cluster's name", clusterOf("x", eds), `a.yaml:5: cluster "x": eds_cluster_config.eds_config: asks this server for the ClusterLoadAssignment "x"` + waits},
		{"endpoints by another name", clusterOf("x", strings.Replace(eds, "}}}", "}}, service_name: away}", 1)), `a.yaml:5: cluster "x": eds_cluster_config.eds_config: asks this server for the ClusterLoadAssignment "away"` + waits},
		{"a certificate", clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [{name: s, sds_config: {ads: {}}}]}}}`), `a.yaml:4: cluster "x": transport_socket.typed_config.common_tls_context.tls_certificate_sds_secret_configs[0].sds_config: asks this server for the Secret "s"` + waits},
		{"a filter's secret", listener("l", `http_filters: [{name: c, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector, credential: {name: c, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic, credential: {name: s, sds_config: {ads: {}}}}}}}]`), `a.yaml:11: ` + inManager + `http_filters[0].typed_config.credential.typed_config.credential.sds_config: asks this server for the Secret "s"` + waits},
		{"a certificate that is fetched before it is asked for", clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config, config_source: {ads: {}}, certificate_mapper: {name: m, typed_config: {"@type": type.googleapis.com/google.protobuf.Empty}}, prefetch_secret_names: [s]}}`), `a.yaml:4: cluster "x": transport_socket.typed_config.config_source: asks this server for the Secret "s"` + waits},
		{"an extension", listener("l", `http_filters: [{name: e, config_discovery: {config_source: {ads: {}}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.router.v3.Router]}}]`), `a.yaml:11: ` + inManager + `http_filters[0].config_discovery.config_source: asks this server for the TypedExtensionConfig "e"` + waits},
		{"scopes, which are not served", listener("l", `scoped_routes: {name: s, scope_key_builder: {fragments: [{header_value_extractor: {name: a, index: 0}}]}, rds_config_source: {ads: {}}, scoped_rds: {scoped_rds_config_source: {ads: {}}}}`), `a.yaml:11: ` + inManager + `scoped_routes.scoped_rds.scoped_rds_config_source: asks this server for resources of type envoy.config.route.v3.ScopedRouteConfiguration, which it does not serve: put the scopes into the listener, as scoped_route_configurations_list`},
		{"virtual hosts, which are not served", routeEmpty + "  vhds: {config_source: {ads: {}}}\n", `a.yaml:4: route "r": vhds.config_source: asks this server for resources of type envoy.config.route.v3.VirtualHost, which it does not serve: put the virtual hosts into the RouteConfiguration`},
		{"endpoints one by one, which are not served", "\n- \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n  cluster_name: x\n  endpoints: [{leds_cluster_locality_config: {leds_config: {ads: {}}, leds_collection_name: c}}]\n", `a.yaml:4: endpoint "x": endpoints[0].leds_cluster_locality_config.leds_config: asks this server for resources of type envoy.config.endpoint.v3.LbEndpoint, which it does not serve: put the endpoints into the ClusterLoadAssignment`},
		{"an on-demand filter of another listener", listener("m", "http_filters: ["+odcds+"]\nroute_config: {}") + routeAway, `a.yaml:16: route "r": virtual_hosts[0].routes[0].route.cluster: names the cluster "away"` + remedy},
		{"an on-demand filter without clusters", listener("l", `http_filters: [{name: o, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand}}]`+"\n"+inlineRoute), `a.yaml:12: ` + inManager + `route_config.virtual_hosts[0].routes[0].route.cluster: names the cluster "away"` + remedy},
		{"a sni_cluster filter does not help a route", listener("l", inlineRoute) + strings.Replace(tcpListener(`{name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.sni_cluster.v3.SniCluster}}, {name: t, typed_config: {`+tcpProxyType+"cluster: away}}"), "name: l", "name: m", 1), `a.yaml:11: ` + inManager + `route_config.virtual_hosts[0].routes[0].route.cluster: names the cluster "away"` + remedy},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readYAML(t, resourcesOf(c.content), "away-too")
			wantLines(t, got, c.want)
		})
	}
}

func TestReferencesThatAreAllowed(t *testing.T) {
	hcmECDS := listener("l", `http_filters: [{name: od, config_discovery: {config_source: {ads: {}}, type_urls: [type.googleapis.com/x]}}]`+"\n"+rds)
	for _, c := range []struct{ name, content string }{
		{"a cluster of another file's", listener("l", strings.Replace(inlineRoute, "away", "outside", 1))},
		{"this server's cluster", listener("l", strings.Replace(inlineRoute, "away", "contour", 1))},
		{"a cluster that a header names", listener("l", strings.Replace(inlineRoute, "cluster: away", "cluster_header: x-away", 1))},
		{"a weighted cluster that a header names", strings.Replace(routeAway, "cluster: away", "weighted_clusters: {clusters: [{cluster_header: x-away, weight: 1}]}", 1)},
		{"a cluster on demand", listener("l", "http_filters: ["+odcds+", "+router+"]\n"+inlineRoute)},
		{"a cluster on demand in the routes of a listener", listener("l", "http_filters: ["+odcds+", "+router+"]\n"+rds) + routeAway},
		{"a cluster on demand for a virtual host", strings.Replace(routeAway, `domains: ["*"]`, `domains: ["*"], typed_per_filter_config: `+perRoute, 1)},
		{"a cluster on demand by an extension that is fetched", hcmECDS + extension("od", `envoy.extensions.filters.http.on_demand.v3.OnDemand, odcds: {source: {ads: {}}}`) + routeAway},
		{"a connection on demand", tcpListener("{name: t, typed_config: {" + tcpProxyType + "cluster: away, on_demand: {odcds_config: {ads: {}}}}}")},
		{"a connection whose name says where to", tcpListener(`{name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.sni_cluster.v3.SniCluster}}, {name: t, typed_config: {` + tcpProxyType + "cluster: away}}")},
		{"a connection whose state says where to", tcpListener(`{name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.set_filter_state.v3.Config, on_new_connection: [{object_key: envoy.tcp_proxy.cluster, format_string: {text_format_source: {inline_string: away}}}]}}, {name: t, typed_config: {` + tcpProxyType + "cluster: away}}")},
		{"routes beside virtual hosts from another server", strings.TrimSuffix(routeAway, "\n") + "\n  vhds: {config_source: {api_config_source: {api_type: DELTA_GRPC, grpc_services: [{envoy_grpc: {cluster_name: outside}}]}}}\n"},
		{"routes from a file", listener("l", strings.Replace(rds, "{ads: {}}", "{path_config_source: {path: /x}}", 1))},
		{"routes from another server", listener("l", strings.Replace(rds, "{ads: {}}", "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: outside}}]}}", 1))},
		{"routes from a server that Envoy's own client reaches", listener("l", strings.Replace(rds, "{ads: {}}", "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{google_grpc: {target_uri: x, stat_prefix: x}}]}}", 1))},
		{"routes by a locator", listener("l", strings.Replace(rds, "name: r", `name: "xdstp://other/envoy.config.route.v3.RouteConfiguration/r"`, 1))},
		{"routes that are there", listener("l", rds) + routeEmpty},
		{"routes of scopes that stand in the listener", listener("l", `scoped_routes: {name: s, scope_key_builder: {fragments: [{header_value_extractor: {name: a, index: 0}}]}, rds_config_source: {ads: {}}, scoped_route_configurations_list: {scoped_route_configurations: [{name: a, route_configuration: {name: own}, route_configuration_name: gone, key: {fragments: [{string_key: a}]}}]}}`)},
		{"scopes from another server", listener("l", `scoped_routes: {name: s, scope_key_builder: {fragments: [{header_value_extractor: {name: a, index: 0}}]}, rds_config_source: {ads: {}}, scoped_rds: {scoped_rds_config_source: {path_config_source: {path: /x}}}}`)},
		{"a secret that Envoy has from its start", clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context_sds_secret_config: {name: s}}}}`)},
		{"an extension with a default", listener("l", `http_filters: [{name: e, config_discovery: {config_source: {ads: {}}, default_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.router.v3.Router]}}]`)},
		{"endpoints that a cluster of another type does not ask for", clusterOf("x", "type: STATIC\neds_cluster_config: {eds_config: {ads: {}}}")},
		{"a report of load to this server", clusterOf("x", "type: STATIC\nlrs_server: {self: {}}")},
		{"routes from this server's cluster, in either way", listener("l", strings.Replace(rds, "{ads: {}}", "{api_config_source: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}", 1)) + listener("m", strings.Replace(rds, "{ads: {}}", "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}", 1)) + routeEmpty},
		{"routes from another server by REST", listener("l", strings.Replace(rds, "{ads: {}}", "{api_config_source: {api_type: REST, transport_api_version: V3, cluster_names: [outside]}}", 1))},
		{"a source of a cluster that does not ask", clusterOf("x", "type: STATIC\neds_cluster_config: {eds_config: {self: {}}}")},
		{"a secret with a source", staticSecret("sds_config: {ads: {}}")},
		{"routes that are not to be validated", strings.Replace(routeAway, "name: r\n", "name: r\n  validate_clusters: false\n", 1)},
		{"routes in a listener that are not to be validated", listener("l", strings.Replace(inlineRoute, "{virtual", "{validate_clusters: false, virtual", 1))},
		{"certificates whose names come with the connections", clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config, config_source: {ads: {}}, certificate_mapper: {name: m, typed_config: {"@type": type.googleapis.com/google.protobuf.Empty}}}}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := readYAML(t, resourcesOf(c.content), "outside"); got != "" {
				t.Error(got)
			}
		})
	}
}

func TestOneMistakeIsNotReportedTwice(t *testing.T) {
	broken := strings.Replace(cluster("away"), "STATIC", "WRONG", 1)
	_, got := readYAML(t, resourcesOf(routeAway, broken))
	wantLines(t, got, `a.yaml:9: cluster "away": type: expects one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST`)

	for _, broken := range []string{
		"resources: [\n",
		resourcesOf("\n- \"@type\": " + clusterURL + "\n  nam: away\n"),
		resourcesOf("\n- \"@type\": type.googleapis.com/envoy.api.v2.Cluster\n  name: away\n"),
	} {
		_, got = readFolder(t, map[string]string{"a.yaml": resourcesOf(routeAway), "b.yaml": broken})
		if got == "" || strings.Contains(got, "away") {
			t.Errorf("a cluster was missed although nobody knows what a broken file defines:\n%s", got)
		}
	}
}

// staticSecret is a cluster that refers to a secret, with the fields given beside the
// secret's name, and the secret.
func staticSecret(fields string) string {
	return clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context_sds_secret_config: {name: s, `+fields+`}}}}`) +
		"\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: s\n  validation_context: {}\n"
}

func TestASecretWithoutASource(t *testing.T) {
	_, got := readYAML(t, resourcesOf(staticSecret("")))
	wantLines(t, got, `a.yaml:4: cluster "x": transport_socket.typed_config.common_tls_context.validation_context_sds_secret_config: names the secret "s", which a file defines, but not where to ask for it, so that an Envoy would look in its own start configuration alone: add "sds_config: {ads: {}, resource_api_version: V3}"`)
}

func TestRoutesThatAreValidatedAllTheSame(t *testing.T) {
	const unchecked = "{validate_clusters: false, virtual"
	for _, c := range []struct{ name, content string }{
		{"those that say so", listener("l", strings.Replace(inlineRoute, "{virtual", "{validate_clusters: true, virtual", 1))},
		{"those beside others that are not", listener("l", inlineRoute) + listener("m", strings.Replace(inlineRoute, "{virtual", unchecked, 1))},
		{"the service of a filter for a route", strings.Replace(routeEmpty, "name: r\n", `name: r
  validate_clusters: false
  typed_per_filter_config: {x: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute, overrides: {grpc_service: {envoy_grpc: {cluster_name: away}}}}}
`, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := readYAML(t, resourcesOf(c.content)); strings.Count(got, `names the cluster "away"`) != 1 {
				t.Errorf("got:\n%s", got)
			}
		})
	}
}

func TestTheClusterOfThisServerIsNotDefined(t *testing.T) {
	_, got := readYAML(t, resourcesOf(cluster("contour")))
	wantLines(t, got, `a.yaml:2: cluster "contour": is the cluster by which an Envoy reaches this server and comes from its start configuration, which stays in force: give this one another name`)
	if _, got := readYAML(t, resourcesOf(cluster("other")), "other"); got != "" {
		t.Errorf("a cluster that some Envoys know from their start: %s", got)
	}
}
