package e2e

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/contour-xds/contour/internal/certtest"
)

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
