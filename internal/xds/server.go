// Package xds is the gRPC server of contour: the discovery services, the
// bookkeeping of their streams, and the server's life from listening to drained.
//
// It is given its transport credentials and its snapshots, and asks neither where
// they come from. docs/design/0004-the-core.md says how the protocol is served.
package xds

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/resources"
)

const (
	// DefaultHandshakeTimeout bounds how long a connection may take until its first
	// stream is possible. gRPC's default of two minutes is an invitation.
	DefaultHandshakeTimeout = 10 * time.Second

	// DefaultMaxStreams bounds the open streams of all connections together: those of
	// a fleet of thousands on single streams.
	DefaultMaxStreams = 100_000

	// DefaultListenerDrain is Envoy's own default of --drain-time-s.
	DefaultListenerDrain = 10 * time.Minute

	// maxStreams bounds the streams of one connection. An Envoy needs one with ADS;
	// on single streams it opens one for each subscription, so that each endpoint
	// set and secret takes its own.
	maxStreams = 1024

	// maxRequestBytes bounds one request. A delta client that reconnects lists all
	// that it has: a hundred bytes or so for each resource.
	maxRequestBytes = 32 << 20

	// keepaliveTime and keepaliveTimeout find an Envoy that vanished without a word.
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second

	// minPingInterval is how often an Envoy may ping. gRPC's default of five minutes
	// closes connections for the keepalive that Envoys are commonly told to use.
	minPingInterval = 5 * time.Second

	// window is how much a client may send ahead, on a stream and on a connection: the
	// request of a delta client that reconnects with 10,000 resources. A fixed one
	// spares gRPC's estimate, which costs a ping for each message that comes in.
	window = 1 << 20

	// DefaultConnectionAgeGrace is how long a connection that has reached its age may
	// live on. An Envoy does not leave by itself: its stream goes on until the end.
	DefaultConnectionAgeGrace = 10 * time.Second

	// drainTimeout bounds how long streams may take to end at a shutdown. It is well
	// below Kubernetes' grace period of 30 s.
	drainTimeout = 5 * time.Second
)

// Config is what a [Server] is made of.
type Config struct {
	// Credentials is how connections are secured, or not.
	Credentials credentials.TransportCredentials
	// Snapshots is what is served from the first stream on, to each group of Envoys.
	Snapshots *resources.Snapshots
	// Optional. How long a connection may take for its handshake; unset means
	// [DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
	// Optional. How long a listener that an Envoy replaced may serve on, which is
	// Envoy's --drain-time-s; unset means [DefaultListenerDrain]. What such a listener
	// refers to is not taken from the Envoy before.
	ListenerDrain time.Duration
	// Optional. How many streams may be open, of all connections together; unset means
	// [DefaultMaxStreams]. One more ends with RESOURCE_EXHAUSTED.
	MaxStreams int
	// Optional. After how long a connection is told to end (GOAWAY, RFC 9113 section
	// 6.8), more or less by a tenth that is drawn for each, so that those which came at
	// once don't go at once; unset means never.
	ConnectionAge time.Duration
	// Optional. How long after that it is closed with its streams, which have no end of
	// their own; unset means [DefaultConnectionAgeGrace].
	ConnectionAgeGrace time.Duration
	// Optional. Decides what each client may have; unset means that every client may join
	// every group.
	Gate Gate
	// Optional. Registers what is to be served besides, under the same limits; unset means
	// nothing but discovery and health.
	Register func(grpc.ServiceRegistrar)
	// Optional. Where the server logs; unset means nowhere.
	Logger *slog.Logger
	// Optional. Where metrics are registered; unset means nowhere.
	Registerer prometheus.Registerer
}

// Registering is a [Config.Register] of several.
func Registering(all ...func(grpc.ServiceRegistrar)) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) {
		for _, register := range all {
			register(r)
		}
	}
}

// Server serves discovery streams. It is safe for concurrent use, but for
// [Server.Serve], which is called once.
type Server struct {
	log           *slog.Logger
	metrics       *metrics
	streams       *streamLimit
	roster        roster
	listenerDrain time.Duration
	gate          Gate
	core          core
	grpc          *grpc.Server
	health        *health.Server

	draining   context.Context //nolint:containedctx // the state of the server, not of a call
	endStreams context.CancelFunc
}

// New returns a server of cfg.Snapshots that does not listen yet.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Gate == nil {
		cfg.Gate = openGate{}
	}
	s := &Server{
		log: cfg.Logger, gate: cfg.Gate, metrics: newMetrics(cfg.Registerer), health: health.NewServer(),
		listenerDrain: cmp.Or(cfg.ListenerDrain, DefaultListenerDrain),
		streams:       newStreamLimit(cmp.Or(cfg.MaxStreams, DefaultMaxStreams), cfg.Logger, cfg.Registerer),
	}
	s.draining, s.endStreams = context.WithCancel(context.Background())
	s.Publish(cfg.Snapshots)
	s.grpc = grpc.NewServer(append(options(cfg), grpc.InTapHandle(s.streams.tap))...)
	s.register(s.grpc)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	if cfg.Register != nil {
		cfg.Register(s.grpc)
	}
	return s
}

func options(cfg Config) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(cfg.Credentials),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.ConnectionTimeout(cmp.Or(cfg.HandshakeTimeout, DefaultHandshakeTimeout)),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxRequestBytes),
		// By default each connection has a buffer of 32 KiB for what it reads, which is half
		// of all that an idle one takes. The TLS connection below has the record at hand
		// anyway, so that a frame is copied out of it once and not twice. It costs a second
		// system call for each frame, and only in plaintext. What a connection writes
		// through is in use while it writes and shared with the others: there is nothing to
		// save. test/bench measures both.
		grpc.ReadBufferSize(0),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: keepaliveTime, Timeout: keepaliveTimeout,
			// gRPC's default of the grace is for ever, and so would be those of streams.
			MaxConnectionAge: cfg.ConnectionAge, MaxConnectionAgeGrace: cmp.Or(cfg.ConnectionAgeGrace, DefaultConnectionAgeGrace),
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
	}
}

// Publish makes snapshots the ones that are served, and wakes the streams of the
// groups that they concern. It is safe for concurrent use; the last one to return
// has the last word.
func (s *Server) Publish(snapshots *resources.Snapshots) {
	byGroup := map[string]*resources.Snapshot{everyone: snapshots.For(everyone)}
	for _, group := range snapshots.Groups() {
		byGroup[group] = snapshots.For(group)
	}
	s.core.publish(byGroup)
}

// Serve serves on listener, which it closes, until ctx ends. Then it drains:
// health says NOT_SERVING, nothing new is accepted, streams end with UNAVAILABLE,
// at which an Envoy keeps its configuration and connects anew; what has not ended
// within the deadline is cut. It returns nil after a drain and an error when
// listening fails. A listener with a method Cut closes its connections by it when
// the deadline is over.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	following, unfollow := context.WithCancel(ctx)
	var follower sync.WaitGroup
	defer follower.Wait()
	defer unfollow()
	follower.Go(func() { s.expelOverdue(following) })
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		s.drain(listener)
	})
	err := s.grpc.Serve(listener)
	if !stop() {
		<-drained
		return nil
	}
	s.endStreams()
	s.grpc.Stop()
	return fmt.Errorf("serving xDS on %s: %w", listener.Addr(), err)
}

// A cutter closes the connections that came by it.
type cutter interface{ Cut() }

func (s *Server) drain(listener net.Listener) {
	s.health.Shutdown()
	cut := time.AfterFunc(drainTimeout, func() {
		// gRPC's Stop waits for connections that have not sent their first frame.
		if c, ok := listener.(cutter); ok {
			c.Cut()
		}
		s.grpc.Stop()
	})
	defer cut.Stop()
	s.endStreams()
	s.grpc.GracefulStop()
}

// handle does what all streams have in common: they are counted while they are
// open, and their end is told in a way that a client understands.
func (s *Server) handle(raw grpc.ServerStream, svc service, protocol string, answer func(*slog.Logger) error) error {
	open := s.metrics.streams.WithLabelValues(svc.label, protocol)
	open.Inc()
	defer open.Dec()
	log := s.log.With("service", svc.label, "protocol", protocol, "remote", remote(raw.Context()))
	log.Debug("stream opened")
	err := answer(log)
	log.Debug("stream ended", "error", err)
	if err == nil && s.draining.Err() != nil {
		return status.Error(codes.Unavailable, "the server is shutting down")
	}
	return err
}

func remote(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		return p.Addr.String()
	}
	return ""
}
