package bootstrap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	clusterservice "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	listenerservice "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	runtimeservice "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"

	"github.com/contour-xds/contour/internal/certtest"
)

// server is an xDS server that remembers what it was asked.
type server struct {
	port int

	mu sync.Mutex
	// asked has what follows the package of each method that received a request
	// and, after a space, the type that was asked for; hellos has what each TLS
	// handshake began with, as far as the server looked at it.
	asked  map[string]bool
	hellos []hello
}

type hello struct {
	serverName string
	protocols  []string
}

// serve starts a server of that configuration on loopback, which the test ends. A
// nil config is plaintext.
func serve(t *testing.T, cache cachev3.Cache, config *tls.Config) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s := &server{asked: make(map[string]bool)}
	if s.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}

	options := []grpc.ServerOption{grpc.StreamInterceptor(s.intercept)}
	if config != nil {
		config.GetConfigForClient = s.greet
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	grpcServer := grpc.NewServer(options...)
	ctx, cancel := context.WithCancel(context.Background())
	xds := serverv3.NewServer(ctx, cache, nil)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(grpcServer, xds)
	clusterservice.RegisterClusterDiscoveryServiceServer(grpcServer, xds)
	listenerservice.RegisterListenerDiscoveryServiceServer(grpcServer, xds)
	runtimeservice.RegisterRuntimeDiscoveryServiceServer(grpcServer, xds)

	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(listener) }()
	t.Cleanup(func() {
		cancel()
		grpcServer.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("serving: %v", err)
		}
	})
	return s
}

// mutualTLS is what contour serve demands: TLS 1.3, and a client that the CA knows.
func mutualTLS(ca *certtest.CA, pair *certtest.Pair) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{pair.TLS()},
		ClientCAs:    ca.Pool(),
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}
}

func (s *server) greet(info *tls.ClientHelloInfo) (*tls.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hellos = append(s.hellos, hello{info.ServerName, info.SupportedProtos})
	return nil, nil //nolint:nilnil // the configuration stays as it is
}

func (s *server) intercept(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(service, &recordingStream{ServerStream: stream, server: s, method: path.Base(info.FullMethod)})
}

// recordingStream tells the server of each request.
type recordingStream struct {
	grpc.ServerStream

	server *server
	method string
}

func (r *recordingStream) RecvMsg(message any) error {
	if err := r.ServerStream.RecvMsg(message); err != nil {
		return err
	}
	typeURL := message.(interface{ GetTypeUrl() string }).GetTypeUrl()
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.server.asked[r.method+" "+typeURL[strings.LastIndex(typeURL, ".")+1:]] = true
	return nil
}

// requests is what was asked so far, sorted.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for request := range s.asked {
		out = append(out, request)
	}
	slices.Sort(out)
	return out
}

func (s *server) greetings() []hello {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hellos)
}
