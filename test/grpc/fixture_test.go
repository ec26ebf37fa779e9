package grpc

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/contour"
)

// service is what clients call: xds:///service. It is the name of a Listener.
const service = "service"

// fixture is what a test needs on disk: the CA of the channel, and a folder of
// resources.
type fixture struct {
	t         *testing.T
	ca        *certtest.CA
	resources string
}

// newFixture writes the configuration of the service, but for its endpoints.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, ca: certtest.NewCA(t, "channel"), resources: t.TempDir()}
	f.write("service.yaml", serviceYAML)
	return f
}

// write replaces a file of the resources, as an editor does.
func (f *fixture) write(name, text string) {
	f.t.Helper()
	temporary := filepath.Join(f.resources, ".new")
	certtest.WriteFile(f.t, temporary, []byte(text))
	if err := os.Rename(temporary, filepath.Join(f.resources, name)); err != nil {
		f.t.Fatal(err)
	}
}

// sendTo has the service answered by the backend at that address.
func (f *fixture) sendTo(address string) {
	f.t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("endpoints.yaml", strings.NewReplacer("HOST", host, "PORT", port).Replace(endpointsYAML))
}

// files writes a certificate of the channel's CA with its key, into a folder of
// their own.
func (f *fixture) files(leaf certtest.Leaf) certtest.Files {
	f.t.Helper()
	return certtest.WriteFiles(f.t, f.t.TempDir(), f.ca, f.ca.Issue(f.t, leaf))
}

// serve starts contour with those credentials.
func (f *fixture) serve(own certtest.Files, args ...string) *contour.Server {
	f.t.Helper()
	return contour.Start(f.t, append([]string{
		"--resources", f.resources,
		"--contour-cafile", own.CA, "--contour-mtls-cert", own.Cert, "--contour-mtls-key", own.Key,
	}, args...)...)
}

// bootstrap has contour bootstrap write the file of a client with those credentials,
// and returns its path.
func (f *fixture) bootstrap(s *contour.Server, own certtest.Files, args ...string) string {
	f.t.Helper()
	return writeBootstrap(f.t, append([]string{
		"--xds-port", s.XDSPort(),
		"--envoy-cafile", own.CA, "--envoy-mtls-cert", own.Cert, "--envoy-mtls-key", own.Key,
	}, args...)...)
}

func writeBootstrap(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grpc.json")
	args = append([]string{"bootstrap", path, "--client", "grpc", "--node-id", "client", "--node-cluster", "clients"}, args...)
	if out, err := exec.Command(contour.Binary(t), args...).CombinedOutput(); err != nil {
		t.Fatalf("contour bootstrap: %v\n%s", err, out)
	}
	return path
}

// edited writes a copy of a file in which old is replaced by new, and returns its
// path.
func edited(t *testing.T, path, old, replacement string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %s", path, old)
	}
	path += ".edited"
	certtest.WriteFile(t, path, bytes.Replace(data, []byte(old), []byte(replacement), 1))
	return path
}

// wantNothingSent holds contour to having sent no resource.
func wantNothingSent(t *testing.T, s *contour.Server) {
	t.Helper()
	series, err := s.AllSeries("contour_xds_responses_total")
	if err == nil && len(series) == 0 {
		err = fmt.Errorf("there is no such metric")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range series {
		if one.Value != 0 {
			t.Errorf("contour sent %v responses of type %s", one.Value, one.Labels["type"])
		}
	}
}

// serviceYAML is what a gRPC client asks for on its way to its endpoints. Of the
// connection manager, it wants routes and the router.
const serviceYAML = `resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: service
  api_listener:
    api_listener:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: service
      rds: {route_config_name: service-routes, config_source: {resource_api_version: V3, ads: {}}}
      http_filters:
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: service-routes
  virtual_hosts:
  - name: service
    domains: ["*"]
    routes:
    - match: {prefix: ""}
      route: {cluster: backends}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: backends
  type: EDS
  lb_policy: ROUND_ROBIN
  eds_cluster_config: {eds_config: {resource_api_version: V3, ads: {}}}
`

const endpointsYAML = `resources:
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: backends
  endpoints:
  - locality: {region: here}
    load_balancing_weight: 1
    lb_endpoints:
    - endpoint: {address: {socket_address: {address: HOST, port_value: PORT}}}
`
