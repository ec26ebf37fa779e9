package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// watchingYAML is an Envoy that shows the certificate of a folder of certgen's, by a
// file-based SDS resource, and is told by no server of anything.
const watchingYAML = `
node: {id: watching, cluster: watching}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: watching
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.direct_response
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config
          response: {inline_string: hello}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
            - name: own
              sds_config: {resource_api_version: V3, path_config_source: {path: SDS}}
`

const watchedSecretYAML = `resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: own
  tls_certificate:
    certificate_chain: {filename: DIR/contour.pem}
    private_key: {filename: DIR/contour-key.pem}
    watched_directory: {path: DIR}
`

// TestAnEnvoyThatWatchesAFolderFollowsItsRenewal renews under a running Envoy.
func TestAnEnvoyThatWatchesAFolderFollowsItsRenewal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certificates")
	certgen(t, dir)
	sds := written(t, "sds.yaml", strings.ReplaceAll(watchedSecretYAML, "DIR", filepath.Join(dir, "contour")))
	e := envoy.Start(t, written(t, "envoy.yaml", strings.ReplaceAll(watchingYAML, "SDS", sds)), envoy.Options{})
	var last string
	for range 3 {
		envoy.Eventually(t, deadline, "Envoy shows the certificate of now", func() error {
			serial, err := serialOf(e)
			if err == nil && serial == last {
				err = errors.New("it is the one of before")
			}
			if err == nil {
				last = serial
			}
			return err
		})
		certgen(t, "renew", dir)
	}
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serialOf asks an Envoy for its certificate.
func serialOf(e *envoy.Envoy) (string, error) {
	address, err := e.ListenerAddress("watching")
	if err != nil {
		return "", err
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return fmt.Sprint(conn.ConnectionState().PeerCertificates[0].SerialNumber), nil
}
