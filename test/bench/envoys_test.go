package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
)

// nodeID is the node that the clients say they are. Contour serves all nodes alike.
const nodeID = "bench"

// maxResponseBytes bounds what a client receives at once.
const maxResponseBytes = 64 << 20

// connect opens a connection as an Envoy has it and waits until the server has let
// it in. The caller closes it.
func connect(ctx context.Context, addr string, config *tls.Config) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)), grpc.WithIdleTimeout(0))
	if err != nil {
		return nil, err
	}
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure || !conn.WaitForStateChange(ctx, state) {
			_ = conn.Close()
			return nil, errors.New("the server did not let a client in, in time")
		}
	}
	return conn, nil
}

// adsStream is a stream of the aggregated service, in the state-of-the-world
// variant.
type adsStream = discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient

// openStream opens a stream on conn, which ends with ctx.
func openStream(ctx context.Context, conn *grpc.ClientConn) (adsStream, error) {
	return discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
}

// subscribe asks for all resources of the type, takes them and acknowledges them.
func subscribe(stream adsStream, typeURL string) (*discovery.DiscoveryResponse, error) {
	ask := &discovery.DiscoveryRequest{TypeUrl: typeURL, Node: &corev3.Node{Id: nodeID}}
	if err := stream.Send(ask); err != nil {
		return nil, err
	}
	response, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	ask.VersionInfo, ask.ResponseNonce = response.GetVersionInfo(), response.GetNonce()
	return response, stream.Send(ask)
}

// fleet is connections that are held open.
type fleet struct {
	conns []*grpc.ClientConn
	end   context.CancelFunc // of their streams
}

// gather opens n connections to the server, with a stream each if streams is set.
// The caller disbands them.
func gather(b testing.TB, s *server, config *tls.Config, n int, streams bool) *fleet {
	b.Helper()
	ctx, end := context.WithCancel(context.Background())
	f := &fleet{end: end}
	dialing, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for range n {
		conn, err := connect(dialing, s.addr, config)
		must(b, err)
		f.conns = append(f.conns, conn)
		if !streams {
			continue
		}
		stream, err := openStream(ctx, conn)
		must(b, err)
		_, err = subscribe(stream, clusterURL)
		must(b, err)
	}
	return f
}

func (f *fleet) disband() {
	f.end()
	for _, conn := range f.conns {
		_ = conn.Close()
	}
}
