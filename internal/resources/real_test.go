package resources

import (
	"strings"
	"testing"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cache "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	testresource "github.com/envoyproxy/go-control-plane/pkg/test/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// responseJSON writes resources as Envoy's files have them.
func responseJSON(t testing.TB, resources map[string]types.Resource) string {
	t.Helper()
	var items []string
	for _, r := range resources {
		wrapped, err := anypb.New(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(wrapped)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, string(text))
	}
	return `{"resources": [` + strings.Join(items, ",\n") + "]}"
}

// TestConfigurationsThatEnvoyAcceptsAreRead takes those of go-control-plane's own
// integration test, which runs a real Envoy with them.
func TestConfigurationsThatEnvoyAcceptsAreRead(t *testing.T) {
	for _, mode := range []string{testresource.Ads, testresource.DeltaAds, testresource.Xds, testresource.Delta} {
		for _, format := range []string{"json", "yaml"} {
			t.Run(mode+" in "+format, func(t *testing.T) {
				snapshot := (&testresource.TestSnapshot{
					Xds: mode, Version: "v", UpstreamPort: 8080, NumClusters: 3, NumHTTPListeners: 2,
					NumTCPListeners: 2, NumRuntimes: 1, TLS: true, NumExtension: 2,
				}).Generate()
				files := map[string]string{}
				for _, typ := range Types() {
					content := responseJSON(t, snapshot.GetResources(typ.URL))
					if format == "yaml" {
						asYAML, err := yaml.JSONToYAML([]byte(content))
						if err != nil {
							t.Fatal(err)
						}
						content = string(asYAML)
					}
					files[typ.Label+"."+format] = content
				}
				got, problem := readFolder(t, files, testresource.XdsCluster, "als_cluster")
				if problem != "" {
					t.Fatal(problem)
				}
				sameResources(t, got, snapshot)
			})
		}
	}
}

func sameResources(t *testing.T, got *Snapshot, want *cache.Snapshot) {
	t.Helper()
	for _, typ := range Types() {
		wanted := want.GetResources(typ.URL)
		if len(got.Resources(typ.URL)) != len(wanted) || len(wanted) == 0 {
			t.Errorf("%s: got %d resources, want %d and some", typ.Label, len(got.Resources(typ.URL)), len(wanted))
		}
		for _, r := range got.Resources(typ.URL) {
			if !proto.Equal(r.Message, wanted[r.Name]) {
				t.Errorf("%s %s is not what it was", typ.Label, r.Name)
			}
		}
	}
}

// TestABroadConfigurationIsRead reads what a gateway of some years has.
func TestABroadConfigurationIsRead(t *testing.T) {
	got, problem := readFolder(t, map[string]string{"gateway.yaml": gateway, "clusters.yaml": gatewayClusters}, "xds_other")
	if problem != "" {
		t.Fatal(problem)
	}
	for label, want := range map[string]int{"listener": 2, "route": 1, "cluster": 8, "endpoint": 1, "secret": 2, "runtime": 1, "extension_config": 1} {
		for _, typ := range Types() {
			if n := len(got.Resources(typ.URL)); typ.Label == label && n != want {
				t.Errorf("got %d of %s, want %d", n, label, want)
			}
		}
	}
}

const gateway = `
version_info: "2030"
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: https
  address: {socket_address: {address: 0.0.0.0, port_value: 8443}}
  listener_filters:
  - name: envoy.filters.listener.tls_inspector
    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}
  access_log:
  - name: envoy.access_loggers.stdout
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
      log_format: {json_format: {status: "%RESPONSE_CODE%", took: "%DURATION%", weight: 1.5}}
  filter_chains:
  - filter_chain_match: {server_names: [example.com, "*.example.com"]}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        require_client_certificate: yes
        common_tls_context:
          alpn_protocols: [h2, http/1.1]
          tls_params: {tls_minimum_protocol_version: tlsv1_2}
          tls_certificate_sds_secret_configs: [{name: server, sds_config: {ads: {}, resource_api_version: V3}}]
          combined_validation_context:
            default_validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: {suffix: .example.com}}]}
            validation_context_sds_secret_config: {name: clients, sds_config: {ads: {}, resource_api_version: V3}}
    filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        codec_type: auto
        stat_prefix: ingress
        use_remote_address: true
        rds: {route_config_name: main, config_source: {api_config_source: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}}
        access_log:
        - name: envoy.access_loggers.http_grpc
          filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: access_log.min}}}}
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
            common_config: {log_name: ingress, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: als}}}
        tracing:
          random_sampling: {value: 0.5}
          provider:
            name: envoy.tracers.opentelemetry
            typed_config: {"@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig, grpc_service: {envoy_grpc: {cluster_name: als}}, service_name: gateway}
        http_filters:
        - name: envoy.filters.http.rbac
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
            rules:
              action: DENY
              policies:
                no-admin:
                  permissions: [{url_path: {path: {prefix: /admin}}}]
                  principals: [{not_id: {authenticated: {principal_name: {exact: spiffe://example.com/admin}}}}]
        - name: envoy.filters.http.jwt_authn
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
            providers:
              google:
                issuer: https://accounts.google.com
                audiences: [gateway]
                from_headers: [{name: Authorization, value_prefix: "Bearer "}]
                remote_jwks: {http_uri: {uri: https://www.googleapis.com/oauth2/v3/certs, cluster: jwks, timeout: 5s}, cache_duration: 300s}
              local: {issuer: me, local_jwks: {inline_string: '{"keys": []}'}}
            rules:
            - {match: {prefix: /}, requires: {requires_any: {requirements: [{provider_name: google}, {provider_name: local}]}}}
        - name: envoy.filters.http.ext_authz
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
            transport_api_version: V3
            failure_mode_allow: off
            grpc_service: {envoy_grpc: {cluster_name: authz}, timeout: 0.25s}
            with_request_body: {max_request_bytes: 8192, allow_partial_message: true}
        - name: envoy.filters.http.ratelimit
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
            domain: gateway
            rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: ratelimit}}}
        - name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                function envoy_on_request(handle)
                  handle:httpCall("a_cluster_that_no_file_defines", {}, "", 100)
                end
        - name: compress
          config_discovery: {config_source: {ads: {}, initial_fetch_timeout: 2s}, type_urls: [type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor]}
        - name: envoy.filters.http.router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, suppress_envoy_headers: true}
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: tcp
  address: {socket_address: {address: "::", port_value: 0x1f90, ipv4_compat: true}}
  filter_chains:
  - filters:
    - name: envoy.filters.network.tcp_proxy
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: tcp
        weighted_clusters: {clusters: [{name: api, weight: 9}, {name: api-v2, weight: 1}]}
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: main
  validate_clusters: false
  virtual_hosts:
  - name: all
    domains: ["*"]
    cors: &cors ~
    retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 1s}
    rate_limits: [{actions: [{remote_address: {}}]}]
    typed_per_filter_config:
      envoy.filters.http.lua: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute, disabled: true}
    routes:
    - match: {safe_regex: {regex: "/v[0-9]+/.*"}, headers: [{name: x-canary, string_match: {exact: "true"}}]}
      route: {cluster: api-v2, timeout: 0s, hash_policy: [{header: {header_name: x-user}}]}
    - match: {path_separated_prefix: /old}
      redirect: {path_redirect: /new, response_code: found}
    - match: {prefix: /by-header}
      route: {cluster_header: x-cluster}
    - match: {prefix: /}
      route:
        weighted_clusters: {clusters: [{name: api, weight: 90}, {name: all-api, weight: 10}]}
        request_mirror_policies: [{cluster: api-v2, runtime_fraction: {default_value: {numerator: 1, denominator: MILLION}}}]
- "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: compress
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor
    compressor_library: {name: gzip, typed_config: {"@type": type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip, window_bits: 12}}
- "@type": type.googleapis.com/envoy.service.runtime.v3.Runtime
  name: layer
  layer: {access_log.min: 400, feature: {on: true, share: 0.25, kind: {numerator: 5, denominator: HUNDRED}}}
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: server
  tls_certificate: {certificate_chain: {filename: /etc/tls/tls.crt}, private_key: {filename: /etc/tls/tls.key}}
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: clients
  validation_context: {trusted_ca: {filename: /etc/tls/ca.crt}}
`

const gatewayClusters = `
!ignore shared:
- &http2
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: 30s, timeout: 5s}}}
resources:
- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: als, type: strict_dns, connect_timeout: 1s, typed_extension_protocol_options: *http2}
- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: authz, type: logical_dns, connect_timeout: 1s, typed_extension_protocol_options: *http2}
- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: ratelimit, type: STATIC, connect_timeout: 1s, typed_extension_protocol_options: *http2}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: jwks
  type: STRICT_DNS
  dns_lookup_family: v4_only
  load_assignment: {cluster_name: jwks, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: www.googleapis.com, port_value: 443}}}}]}]}
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: www.googleapis.com, common_tls_context: {validation_context_sds_secret_config: {name: clients, sds_config: {ads: {}}}}}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: api
  type: EDS
  eds_cluster_config: {eds_config: {ads: {}}, service_name: api.default.svc}
  lb_policy: ring_hash
  outlier_detection: {consecutive_5xx: 5, base_ejection_time: 30s}
  circuit_breakers: {thresholds: [{priority: HIGH, max_connections: 100000}]}
  health_checks: [{timeout: 1s, interval: 5s, unhealthy_threshold: 3, healthy_threshold: 1, http_health_check: {path: /healthz}}]
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: api-v2
  type: EDS
  eds_cluster_config: {eds_config: {path_config_source: {path: /etc/envoy/eds.yaml}}}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: from-elsewhere
  type: EDS
  eds_cluster_config: {eds_config: {api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds_other}}]}}}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: all-api
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config: {"@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [api, api-v2]}
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: api.default.svc
  endpoints:
  - locality: {region: eu, zone: a}
    load_balancing_weight: 1
    lb_endpoints:
    - endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 8080}}}
      health_status: healthy
      metadata: {filter_metadata: {envoy.lb: {canary: false, version: "1.10"}}}
`
