package grpc

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// backendHeader is where a backend says which one it is.
const backendHeader = "backend"

// startBackend starts a gRPC server that answers health checks and says its name,
// and returns its address, as host:port. It ends with the test.
func startBackend(t *testing.T, name string) string {
	t.Helper()
	listener := listen(t)
	s := grpc.NewServer(grpc.UnaryInterceptor(saying(name)))
	healthpb.RegisterHealthServer(s, health.NewServer())
	serveUntilCleanup(t, listener, s)
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// saying has each answer bear the name of the backend.
func saying(name string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs(backendHeader, name)); err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
}

// server is a gRPC server of either kind.
type server interface {
	Serve(net.Listener) error
	Stop()
}

// serveUntilCleanup serves, and awaits the end of it when the test ends.
func serveUntilCleanup(t *testing.T, listener net.Listener, s server) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
}
