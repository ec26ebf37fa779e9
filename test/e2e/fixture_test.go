package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// fixture is what a test needs on disk: a CA with credentials for both sides, and
// a folder of resources.
type fixture struct {
	t              *testing.T
	ca             *certtest.CA
	server, client certtest.Files
	resources      string
	// web is the CA of the certificate that Envoy serves over HTTPS, which has
	// nothing to do with the channel.
	web *certtest.CA
	// webKey is the private key of that certificate, which only Envoy may have.
	webKey string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, ca: certtest.NewCA(t, "channel"), web: certtest.NewCA(t, "web"), resources: t.TempDir()}
	f.server = f.credentials(f.ca, certtest.Server())
	f.client = f.credentials(f.ca, certtest.Client())
	return f
}

// credentials issues a pair of ca, beside a bundle that trusts the channel's CA.
func (f *fixture) credentials(ca *certtest.CA, leaf certtest.Leaf) certtest.Files {
	f.t.Helper()
	return certtest.WriteFiles(f.t, f.t.TempDir(), f.ca, ca.Issue(f.t, leaf))
}

// serve starts contour with the fixture's credentials and resources.
func (f *fixture) serve(args ...string) *contour {
	f.t.Helper()
	return serve(f.t, append([]string{
		"--resources", f.resources,
		"--contour-cafile", f.server.CA, "--contour-mtls-cert", f.server.Cert, "--contour-mtls-key", f.server.Key,
	}, args...)...)
}

// bootstrap writes the bootstrap of an Envoy with the given credentials.
func (f *fixture) bootstrap(c *contour, files certtest.Files, args ...string) string {
	f.t.Helper()
	return contourBootstrap(f.t, append([]string{
		"--xds-port", c.xdsPort(), "--skip-credential-check",
		"--envoy-cafile", files.CA, "--envoy-mtls-cert", files.Cert, "--envoy-mtls-key", files.Key,
	}, args...)...)
}

// write replaces a file of the resources, as an editor does.
func (f *fixture) write(name, text string) {
	f.t.Helper()
	temporary := filepath.Join(f.resources, ".new")
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(f.resources, name)); err != nil {
		f.t.Fatal(err)
	}
}

// The sources by which resources refer to others: over the aggregated stream, or
// over a stream of their own.
const (
	overADS = "{resource_api_version: V3, ads: {}}"
	ownSotW = "{resource_api_version: V3, api_config_source: {api_type: GRPC, transport_api_version: V3, " +
		"grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}"
	ownDelta = "{resource_api_version: V3, api_config_source: {api_type: DELTA_GRPC, transport_api_version: V3, " +
		"grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}"
)

// writeAll writes resources of every type that is served: an HTTP and an HTTPS
// listener whose routes, certificate, filter and endpoints all come from contour.
func (f *fixture) writeAll(source, upstream string) {
	f.t.Helper()
	host, port, ok := strings.Cut(upstream, ":")
	if !ok {
		f.t.Fatalf("no port in %q", upstream)
	}
	pair := f.web.Issue(f.t, certtest.Server())
	f.webKey = string(pair.KeyPEM(f.t))
	f.write("listeners.yaml", strings.ReplaceAll(listenersYAML, "SOURCE", source))
	f.write("clusters.yaml", strings.ReplaceAll(clustersYAML, "SOURCE", source))
	f.write("endpoints.yaml", strings.NewReplacer("HOST", host, "PORT", port).Replace(endpointsYAML))
	f.write("extensions.yaml", extensionsYAML)
	f.write("secrets.yaml", fmt.Sprintf(secretsYAML, indent(string(pair.CertPEM())), indent(f.webKey)))
	f.writeRoute("hello")
}

// writeRoute changes what the direct response says.
func (f *fixture) writeRoute(words string) {
	f.t.Helper()
	f.write("routes.yaml", strings.ReplaceAll(routesYAML, "WORDS", words))
}

func indent(pem string) string { return strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n        ") }

const listenersYAML = `resources:
- &http
  "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: http
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  filter_chains:
  - filters: &filters
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: http
        rds: {route_config_name: main, config_source: SOURCE}
        http_filters:
        - name: buffer
          config_discovery:
            config_source: SOURCE
            type_urls: [type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer]
        - name: envoy.filters.http.router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: https
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  filter_chains:
  - filters: *filters
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        common_tls_context:
          tls_certificate_sds_secret_configs: [{name: web, sds_config: SOURCE}]
`

const routesYAML = `resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: main
  virtual_hosts:
  - name: all
    domains: ["*"]
    routes:
    - match: {prefix: /upstream}
      route: {cluster: upstream}
    - match: {prefix: /}
      direct_response: {status: 200, body: {inline_string: "WORDS"}}
`

const clustersYAML = `resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: upstream
  type: EDS
  connect_timeout: 5s
  eds_cluster_config: {eds_config: SOURCE}
`

const endpointsYAML = `resources:
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: upstream
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: HOST, port_value: PORT}}}
`

const extensionsYAML = `resources:
- "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: buffer
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
    max_request_bytes: 65536
- "@type": type.googleapis.com/envoy.service.runtime.v3.Runtime
  name: fleet
  layer: {example.setting: from contour}
`

const secretsYAML = `resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: web
  tls_certificate:
    certificate_chain:
      inline_string: |
        %s
    private_key:
      inline_string: |
        %s
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: nobody-asks-for-this
  generic_secret: {secret: {inline_string: x}}
`

// newUpstream is a server that Envoy routes to; it returns its host and port.
func newUpstream(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "upstream")
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// wantAnswer waits until a listener answers a path with words. HTTPS is verified
// against the web CA.
func (f *fixture) wantAnswer(e *envoy.Envoy, listener, path, words string) {
	f.t.Helper()
	envoy.Eventually(f.t, deadline, fmt.Sprintf("%s answers %s with %q", listener, path, words), func() error {
		address, err := e.ListenerAddress(listener)
		if err != nil {
			return err
		}
		got, err := f.get(listener+"://"+address+path, f.web.Pool())
		if err == nil && got != words {
			err = fmt.Errorf("it answers %q", got)
		}
		return err
	})
}

func (f *fixture) get(url string, pool *x509.CertPool) (string, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: certtest.ServerName},
	}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
