package fleet

import (
	"context"
	"errors"
	"io"
	"iter"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/xds"
)

// Config is what a [Service] is made of. Its functions must be safe for concurrent use.
type Config struct {
	// Streams are the open discovery streams of the server that the service is on. It is
	// called for each answer.
	Streams func() iter.Seq[xds.Stream]
	// NewestRoot is the fingerprint of the root in force that ends last.
	NewestRoot func() string
	// Authorize decides whether the caller of that connection may see the fleet. Its error
	// is what the caller is told, with the status PERMISSION_DENIED.
	Authorize func(caller *peer.Peer) error
}

// Service is Envoy's Client Status Discovery Service
// (envoy/service/status/v3/csds.proto), as far as a management server has one: which
// clients it serves, and what they accepted. It is safe for concurrent use.
type Service struct{ cfg Config }

// NewService returns a service that is on no server yet.
func NewService(cfg Config) *Service { return &Service{cfg} }

// Register offers the service on a server, which has to be one of mutual TLS: on any
// other, there is nobody to authorize, and no client to show.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	// The generated description is taken for its names. Its handlers would read the
	// request first.
	names := statusv3.ClientStatusDiscoveryService_ServiceDesc
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: names.ServiceName, Metadata: names.Metadata,
		Methods: []grpc.MethodDesc{{MethodName: names.Methods[0].MethodName, Handler: s.fetch}},
		Streams: []grpc.StreamDesc{{StreamName: names.Streams[0].StreamName, Handler: s.stream, ServerStreams: true, ClientStreams: true}},
	}, nil)
}

// fetch is a grpc.MethodHandler. Nothing of the request is read before it is known
// whose it is. Interceptors are not asked, since there are none.
func (s *Service) fetch(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // the order is gRPC's
	if err := s.authorize(ctx); err != nil {
		return nil, err
	}
	var req statusv3.ClientStatusRequest
	if err := decode(&req); err != nil {
		return nil, err
	}
	return s.answer(ctx, &req)
}

// stream is a grpc.StreamHandler: each request is answered with the whole state of
// then. It is authorized anew, since the policy may have changed since the last one.
func (s *Service) stream(_ any, stream grpc.ServerStream) error {
	if err := s.authorize(stream.Context()); err != nil {
		return err
	}
	for {
		var req statusv3.ClientStatusRequest
		if err := stream.RecvMsg(&req); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.authorize(stream.Context()); err != nil {
			return err
		}
		resp, err := s.answer(stream.Context(), &req)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(resp); err != nil {
			return err
		}
	}
}

func (s *Service) authorize(ctx context.Context) error {
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return status.Error(codes.Internal, "the caller has no connection")
	}
	if err := s.cfg.Authorize(caller); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return nil
}

// answer makes the whole answer, which is of some 1,200 bytes for each client with
// five types.
func (s *Service) answer(ctx context.Context, req *statusv3.ClientStatusRequest) (*statusv3.ClientStatusResponse, error) {
	wanted, err := newMatcher(req.GetNodeMatchers())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	resp := new(statusv3.ClientStatusResponse)
	for _, c := range join(s.cfg.Streams(), s.cfg.NewestRoot(), wanted) {
		config, err := encode(c)
		if err != nil {
			return nil, status.Errorf(codes.Internal, "encoding the state of a client: %v", err)
		}
		resp.Config = append(resp.Config, config)
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
	}
	return resp, nil
}
