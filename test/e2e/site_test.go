package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// A site is what an Envoy is told to serve: the same content over HTTP, HTTPS and
// TCP, each by a chain of resources that can be replaced link by link. It is a
// value, and each change is made to a copy.
type site struct {
	// edition is part of each listener, so that another one replaces them all.
	edition int
	// route, cluster, service and secret are names. The service is that of the
	// cluster's endpoint set.
	route, cluster, service, secret string
	// spare is the name of a secret that nothing refers to; empty is none.
	spare string
	// tune is part of the cluster, so that another one replaces it.
	tune int
	// static clusters have their endpoints inline.
	static bool
	// upstreams are the addresses of the endpoints.
	upstreams []string
	// idle are clusters that nothing routes to yet, each with an endpoint set of its own.
	idle []string
}

func list(items ...string) string {
	if len(items) == 0 {
		return "resources: []\n"
	}
	return "resources:" + strings.Join(items, "")
}

func firstSite(upstream string) *site {
	return &site{route: "route", cluster: "cluster", service: "service", secret: "secret", upstreams: []string{upstream}}
}

const siteListeners = `resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: http
  address: {socket_address: {address: 127.0.0.1, port_value: PORT-HTTP}}
  filter_chains:
  - filters: &filters
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: edition-EDITION
        rds: {route_config_name: ROUTE, config_source: SOURCE}
        http_filters:
        - name: router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: https
  address: {socket_address: {address: 127.0.0.1, port_value: PORT-HTTPS}}
  filter_chains:
  - filters: *filters
    transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        common_tls_context:
          tls_certificate_sds_secret_configs: [{name: SECRET, sds_config: SOURCE}]
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: tcp
  address: {socket_address: {address: 127.0.0.1, port_value: PORT-TCP}}
  filter_chains:
  - filters:
    - name: tcp
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: edition-EDITION
        cluster: CLUSTER
`

// A cluster is warm after the first answer of each endpoint, which takes
// warmingTime: long enough for requests to meet a cluster that is not warm.
const (
	healthCheck = `  ignore_health_on_host_removal: true
  health_checks:
  - {timeout: 5s, interval: 60s, healthy_threshold: 1, unhealthy_threshold: 1, http_health_check: {path: /health}}
`
	warmingTime = 100 * time.Millisecond
)

// newSlowlyWarm is a server that takes its time to say that it is healthy.
func newSlowlyWarm(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			time.Sleep(warmingTime)
		}
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func (s *site) clusters() string {
	const eds = `
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: %s
  connect_timeout: %ds
` + healthCheck + `  type: EDS
  eds_cluster_config: {service_name: %s, eds_config: SOURCE}
`
	const static = `
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: %s
  connect_timeout: %ds
` + healthCheck + `  type: STATIC
  load_assignment: {cluster_name: %s, endpoints: [{lb_endpoints: [%s]}]}
`
	all := []string{fmt.Sprintf(eds, s.cluster, 5+s.tune, s.service)}
	if s.static {
		all = []string{fmt.Sprintf(static, s.cluster, 5+s.tune, s.cluster, s.lbEndpoints())}
	}
	for _, name := range s.idle {
		all = append(all, fmt.Sprintf(eds, name, 5, name))
	}
	return list(all...)
}

func (s *site) endpoints() string {
	const set = `
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: %s
  endpoints: [{lb_endpoints: [%s]}]
`
	names := make(map[string]bool)
	if !s.static {
		names[s.service] = true
	}
	for _, name := range s.idle {
		names[name] = true
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, fmt.Sprintf(set, name, s.lbEndpoints()))
	}
	return list(all...)
}

func (s *site) lbEndpoints() string {
	var all []string
	for _, upstream := range s.upstreams {
		host, port, _ := strings.Cut(upstream, ":")
		all = append(all, fmt.Sprintf("{endpoint: {address: {socket_address: {address: %s, port_value: %s}}}}", host, port))
	}
	return strings.Join(all, ", ")
}
