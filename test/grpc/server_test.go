package grpc

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/xds"

	"github.com/contour-xds/contour/internal/certtest"
)

// TestAServerStartsByTheSameFile has a gRPC server of grpc-go, which asks for a
// Listener by the template in the file, answer calls once it has it.
func TestAServerStartsByTheSameFile(t *testing.T) {
	f := newFixture(t)
	listener := listen(t)
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	f.sendTo(listener.Addr().String())
	f.write("server.yaml", strings.NewReplacer("HOST", host, "PORT", port).Replace(serverYAML))
	s := f.serve(f.files(certtest.Server()))
	bootstrap, err := os.ReadFile(f.bootstrap(s, f.files(certtest.Client())))
	if err != nil {
		t.Fatal(err)
	}

	server, err := xds.NewGRPCServer(xds.BootstrapContentsForTesting(bootstrap), grpc.UnaryInterceptor(saying("a")))
	if err != nil {
		t.Fatal(err)
	}
	healthpb.RegisterHealthServer(server, health.NewServer())
	serveUntilCleanup(t, listener, server)

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Errorf("calling the server: %v", err)
	}
	s.WantMetric(0, "contour_xds_nacks_total", "type", "listener")
}

const serverYAML = `resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: grpc/server?xds.resource.listening_address=HOST:PORT
  address: {socket_address: {address: HOST, port_value: PORT}}
  default_filter_chain:
    filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: server
        route_config:
          name: server
          virtual_hosts:
          - name: server
            domains: ["*"]
            routes:
            - match: {prefix: ""}
              non_forwarding_action: {}
        http_filters:
        - name: router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`
