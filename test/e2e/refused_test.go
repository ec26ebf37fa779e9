package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// editTLS changes the TLS context of a bootstrap's cluster in its file, for what
// contour bootstrap would never write.
func editTLS(t *testing.T, path string, edit func(*tlsv3.UpstreamTlsContext)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	socket := b.GetStaticResources().GetClusters()[0].GetTransportSocket()
	var context tlsv3.UpstreamTlsContext
	if err := socket.GetTypedConfig().UnmarshalTo(&context); err != nil {
		t.Fatal(err)
	}
	edit(&context)
	packed, err := anypb.New(&context)
	if err != nil {
		t.Fatal(err)
	}
	socket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: packed}
	if data, err = protojson.Marshal(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnEnvoyThatIsNotOursIsRefused(t *testing.T) {
	expired := certtest.Client()
	expired.NotAfter = time.Now().Add(-time.Minute)
	rows := []struct {
		name      string
		bootstrap func(f *fixture, c *contour) string
		reason    string
	}{
		{"without a certificate", func(f *fixture, c *contour) string {
			path := f.bootstrap(c, f.client)
			editTLS(f.t, path, func(ctx *tlsv3.UpstreamTlsContext) { ctx.GetCommonTlsContext().TlsCertificates = nil })
			return path
		}, "no_certificate"},
		{"of another CA", func(f *fixture, c *contour) string {
			return f.bootstrap(c, f.credentials(certtest.NewCA(f.t, "other"), certtest.Client()))
		}, "unknown_ca"},
		{"with a certificate that ended", func(f *fixture, c *contour) string {
			return f.bootstrap(c, f.credentials(f.ca, expired))
		}, "expired"},
		{"with the server's certificate", func(f *fixture, c *contour) string {
			return f.bootstrap(c, f.server)
		}, "wrong_usage"},
		{"that speaks TLS 1.2", func(f *fixture, c *contour) string {
			path := f.bootstrap(c, f.client)
			editTLS(f.t, path, func(ctx *tlsv3.UpstreamTlsContext) {
				params := ctx.GetCommonTlsContext().GetTlsParams()
				params.TlsMinimumProtocolVersion = tlsv3.TlsParameters_TLSv1_2
				params.TlsMaximumProtocolVersion = tlsv3.TlsParameters_TLSv1_2
			})
			return path
		}, "protocol_version"},
		{"that speaks plaintext", func(f *fixture, c *contour) string {
			return contourBootstrap(f.t, "--xds-port", c.xdsPort())
		}, "not_tls"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			c := f.serve()
			e := envoy.Start(t, row.bootstrap(f, c), envoy.Options{})
			wantRefused(t, c, e, row.reason)
			if n, err := c.metric("contour_xds_tls_handshakes_total", "result", "success"); err != nil || n != 0 {
				t.Errorf("%v handshakes succeeded, %v", n, err)
			}
		})
	}
}

func TestAServerThatIsNotOursIsRefusedByEnvoy(t *testing.T) {
	rows := []struct {
		name   string
		spoil  func(*fixture)
		reason string
		stat   string
	}{
		{"a server of another name", func(f *fixture) {
			leaf := certtest.Server()
			leaf.DNSNames = []string{"impostor"}
			f.server = f.credentials(f.ca, leaf)
		}, "peer_alert_other", "cluster.contour.ssl.fail_verify_san"},
		{"a server of another CA", func(f *fixture) {
			f.server = f.credentials(certtest.NewCA(f.t, "other"), certtest.Server())
		}, "peer_alert_unknown_ca", "cluster.contour.ssl.fail_verify_error"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			row.spoil(f)
			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
			wantRefused(t, c, e, row.reason)
			if n, err := e.Stat(row.stat); err != nil || n == 0 {
				t.Errorf("%s is %v, %v", row.stat, n, err)
			}
		})
	}
}

// wantRefused waits for the server's count, and for Envoy to know that it gets
// nothing. What Envoy counts of its handshakes says little: under TLS 1.3 its own
// side ends before the server refuses it.
func wantRefused(t *testing.T, c *contour, e *envoy.Envoy, reason string) {
	t.Helper()
	envoy.Eventually(t, deadline, "the refusal is counted as "+reason, func() error {
		n, err := c.metric("contour_xds_tls_handshake_failures_total", "reason", reason)
		if err == nil && n == 0 {
			err = fmt.Errorf("it is not; log: %s", c.log())
		}
		return err
	})
	envoy.Eventually(t, deadline, "Envoy counts a failed update", func() error {
		n, err := e.Stat("cluster_manager.cds.update_failure")
		if err == nil && n == 0 {
			err = fmt.Errorf("it counts none")
		}
		return err
	})
	if version, err := e.Text("cluster_manager.cds.version_text"); err == nil {
		t.Errorf("Envoy has clusters, of version %s", version)
	}
	c.wantMetric(0, "contour_xds_streams", "service", "ads", "protocol", "delta")
	c.wantMetric(0, "contour_xds_connections")
}

// TestSDSIsClosedToStrangers is what the design is for: whoever could speak SDS
// got every private key.
func TestSDSIsClosedToStrangers(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	rows := []struct {
		name     string
		creds    credentials.TransportCredentials
		welcomed bool
	}{
		{"a client of ours", f.secure(f.ca.Issue(t, certtest.Client())), true},
		{"a stranger without a certificate", f.secure(nil), false},
		{"a stranger of another CA", f.secure(certtest.NewCA(t, "other").Issue(t, certtest.Client())), false},
		{"a stranger whose CA has the same name", f.secure(certtest.NewCA(t, "channel").Issue(t, certtest.Client())), false},
		{"a stranger with the web's certificate", f.secure(f.web.Issue(t, certtest.Server())), false},
		{"a stranger in plaintext", insecure.NewCredentials(), false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := askForSecret(t, c.xds, row.creds)
			hasKey := strings.Contains(got, f.webKey[28:60]) // of the key's first line
			if hasKey != row.welcomed || (err == nil) != row.welcomed {
				t.Errorf("welcomed %v: has the key: %v, error %v", row.welcomed, hasKey, err)
			}
		})
	}
}

// secure is a gRPC client's side of the channel. It presents its certificate, if
// it has one, whatever CAs the server names.
func (f *fixture) secure(pair *certtest.Pair) credentials.TransportCredentials {
	config := &tls.Config{RootCAs: f.ca.Pool(), ServerName: certtest.ServerName}
	if pair != nil {
		cert := pair.TLS()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return credentials.NewTLS(config)
}

func askForSecret(t *testing.T, address string, creds credentials.TransportCredentials) (string, error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	stream, err := secretservice.NewSecretDiscoveryServiceClient(conn).StreamSecrets(ctx)
	if err != nil {
		return "", err
	}
	request := &discovery.DiscoveryRequest{Node: &corev3.Node{Id: "stranger"}, ResourceNames: []string{"web"}}
	if err := stream.Send(request); err != nil {
		return "", err
	}
	resp, err := stream.Recv()
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, r := range resp.GetResources() {
		all.Write(r.GetValue())
	}
	return all.String(), nil
}
