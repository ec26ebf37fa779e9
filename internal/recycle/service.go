// Package recycle is how an operator has Envoys come back with the certificates that
// they have by now: a gRPC service on the xDS port, [Service], and the call of it,
// [Call.Do].
//
// It is of use in a rollover of the CA. An Envoy that has a new certificate keeps the
// connection that it opened with the old one, which would be closed only when the old
// CA is taken out, its certificate ends, or its age comes.
//
// Only an operator is listened to: whoever has a certificate with the name
// [OperatorURI], over mutual TLS. In plaintext there is no such service.
// docs/design/0008-rotation-reaches-the-living.md says more of why.
package recycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The name of the service and of its method. Its messages are of
// google/protobuf/wrappers.proto, so that there is no code to generate: a StringValue,
// the fingerprint of a root as contour_xds_connections has it, is answered by a
// UInt64Value, how many connections were closed.
const (
	serviceName = "contour.channel.v1.Connections"
	methodName  = "Recycle"
)

// Connections are the live ones of a server, by the root that they stand on.
type Connections interface {
	// RootsInForce are the fingerprints of the roots that a connection can stand on.
	RootsInForce() []string
	// Recycle closes the connections that stand on a root, but for the one from the
	// address besides, and returns how many, until ctx ends.
	Recycle(ctx context.Context, root string, besides net.Addr) int
}

// Config is what a [Service] is made of.
type Config struct {
	// Connections are those of the server that the service is on.
	Connections Connections
	// Optional. Where calls are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. Where metrics are registered; unset means nowhere.
	Registerer prometheus.Registerer
}

// Service lets an operator recycle connections. It is safe for concurrent use.
type Service struct {
	connections Connections
	log         *slog.Logger
	calls       *prometheus.CounterVec
	denying     rate.Sometimes // bounds the log, for who is denied can call again and again
}

// How a call ended, as a label.
const (
	resultDone        = "done"
	resultInterrupted = "interrupted"
	resultDenied      = "denied"
	resultUnknown     = "unknown_root"
)

// NewService returns a service that is on no server yet.
func NewService(cfg Config) *Service {
	s := &Service{
		connections: cfg.Connections, log: cfg.Logger, denying: rate.Sometimes{Interval: time.Minute},
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contour_xds_recycle_calls_total",
			Help: "Calls that asked for the connections of a root to be closed, by result. " +
				"done: They were closed. interrupted: The caller went away before all of them were. denied: The caller's certificate is not an operator's. unknown_root: The CA bundle in force has no such root.",
		}, []string{"result"}),
	}
	for _, result := range []string{resultDone, resultInterrupted, resultDenied, resultUnknown} {
		s.calls.WithLabelValues(result)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(s.calls)
	}
	return s
}

// Register offers the service on a server, which has to be one of mutual TLS: on any
// other, every call is denied.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		Methods:     []grpc.MethodDesc{{MethodName: methodName, Handler: s.handle}},
	}, nil)
}

// handle is a grpc.MethodHandler. Nothing of the request is read before it is known
// whose it is. Interceptors are not asked, since there are none.
func (s *Service) handle(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) { //nolint:revive // the order is gRPC's
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return nil, status.Error(codes.Internal, "the caller has no connection")
	}
	if err := authorize(caller); err != nil {
		s.deny(caller, err)
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	var root wrapperspb.StringValue
	if err := decode(&root); err != nil {
		return nil, err
	}
	return s.recycle(ctx, root.GetValue(), caller.Addr)
}

func (s *Service) recycle(ctx context.Context, root string, caller net.Addr) (*wrapperspb.UInt64Value, error) {
	if roots := s.connections.RootsInForce(); !slices.Contains(roots, root) {
		s.calls.WithLabelValues(resultUnknown).Inc()
		return nil, status.Errorf(codes.NotFound, "no root in force has the fingerprint %.40q; those in force are %s", root, strings.Join(roots, ", "))
	}
	s.log.Info("closing the connections that stand on a root, as an operator asks", "root", root, "remote", caller.String())
	closed := s.connections.Recycle(ctx, root, caller)
	s.log.Info("closed the connections that stood on a root", "root", root, "count", closed)
	if err := ctx.Err(); err != nil {
		s.calls.WithLabelValues(resultInterrupted).Inc()
		return nil, status.FromContextError(err).Err()
	}
	s.calls.WithLabelValues(resultDone).Inc()
	return wrapperspb.UInt64(uint64(closed)), nil //nolint:gosec // a count is not negative
}

// deny counts a call, and logs whose it was.
func (s *Service) deny(caller *peer.Peer, err error) {
	s.calls.WithLabelValues(resultDenied).Inc()
	s.denying.Do(func() {
		attrs := []any{"remote", caller.Addr.String(), "error", err.Error()}
		if leaf := verifiedLeaf(caller); leaf != nil {
			attrs = append(attrs, "subject", fmt.Sprintf("%.300s", leaf.Subject), "serial", leaf.SerialNumber.Text(16))
		}
		s.log.Warn("denied a call that only an operator may make", attrs...)
	})
}

// errNotOperator is what everybody else is told.
var errNotOperator = errors.New("the certificate of this connection is not an operator's, with " + OperatorURI + " as its only URI")
