// Package handshake is the door of the xDS server: a decorator of gRPC's
// transport credentials that counts every handshake, says why the failed ones
// failed, bounds what strangers can cost, and holds the connections that got in to
// what let them in.
//
// A decorator, because a failed handshake is seen nowhere else: gRPC's
// interceptors and stats handlers begin after it. The decorator changes nothing
// of what it decorates: errors pass through as they are, and authentication info is
// that of the inner credentials, with the connection beside it: a [*Peer].
// docs/design/0003-the-door.md says more of why.
package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	contourcredentials "github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/floodlog"
)

// Config says what a [Door] decorates, what it bounds, and where it reports.
type Config struct {
	// Optional. How connections are secured; unset means plaintext, with no handshake
	// to count. The door keeps it and does not change it.
	TLS *tls.Config
	// Optional. What TLS is made of: the roots in force, which connections are counted
	// by. If it is a [contourcredentials.Announcer], live connections are held to each
	// new generation by [Door.Run]. Unset means that the roots never change, and are
	// not known.
	Provider contourcredentials.CredentialProvider
	// Optional. Looks closer at clients whose chain is good; unset means that the chain is
	// enough. Live connections are held to it by [Door.Run]. It is of no use in plaintext.
	Guard Guard
	// Optional. What strangers can cost; unset means the defaults.
	Limits Limits
	// Optional. Where refusals and closings are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. Over what time those of one reason are summed up when there are many;
	// unset means a minute.
	LogInterval time.Duration
	// Optional. Where the metrics are registered; unset means nowhere.
	Registerer prometheus.Registerer
}

// Door decorates transport credentials of a server. It is safe for concurrent
// use.
type Door struct {
	inner    credentials.TransportCredentials
	register *register
	turns    *turns
	keeper   *keeper
	metrics  *metrics
	refusals *floodlog.Log
	closings *floodlog.Log
}

var _ credentials.TransportCredentials = (*Door)(nil)

// New returns a door. It panics when its metrics are registered already, as two
// doors on one registry would count each other's. The caller closes it when its
// server has ended.
func New(cfg Config) *Door {
	limits := cfg.Limits.withDefaults()
	d := &Door{
		inner:    insecure.NewCredentials(),
		register: newRegister(limits),
		turns:    newTurns(limits.CPUs),
		refusals: floodlog.New(cfg.Logger, cfg.LogInterval, "refused a TLS handshake", "refused more TLS handshakes for the same reason"),
		closings: floodlog.New(cfg.Logger, cfg.LogInterval, "closed a connection", "closed more connections for the same reason"),
	}
	d.metrics = newMetrics(d.register, cfg.Provider)
	d.keeper = &keeper{register: d.register, provider: cfg.Provider, guard: cfg.Guard, closed: d.closed}
	if cfg.Guard == nil {
		d.keeper.guard = noGuard{}
	}
	if cfg.TLS != nil {
		d.inner = credentials.NewTLS(observe(cfg.TLS, d.keeper.guard))
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(d.metrics)
	}
	return d
}

// Close logs what is still to be summed up. It closes no connection: that is for
// the listener, and for the server.
func (d *Door) Close() error {
	d.refusals.Close()
	d.closings.Close()
	return nil
}

// Run closes live connections when a certificate of their chain ends, and when a new
// generation of the provider's no longer verifies them, until ctx ends. The error is
// nil. Without it, connections stay as they are.
func (d *Door) Run(ctx context.Context) error {
	d.keeper.run(ctx)
	return nil
}

// Limits are those in force, defaults included.
func (d *Door) Limits() Limits { return d.register.limits }

func (d *Door) newConn(raw net.Conn) *conn { return newConn(raw, d.register, d.turns) }

// ServerHandshake does the inner handshake, within the limits, and counts how it
// ended. gRPC bounds its time, by a deadline on the connection.
func (d *Door) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, err := d.registered(raw)
	if err != nil {
		d.refuse(c, err)
		return nil, nil, err
	}
	secured, info, err := d.shake(c)
	c.returnTurn()
	if err != nil {
		d.refuse(c, err)
		c.linger()
	}
	c.finish()
	if err != nil {
		_ = c.Close()
		return nil, nil, err // as it is: gRPC compares io.EOF with ==
	}
	return secured, info, nil
}

// registered returns raw as a connection that the door knows. One that did not
// come by [Door.Listener] enters now; its end is seen only where TLS closes it.
func (d *Door) registered(raw net.Conn) (*conn, error) {
	if c, ok := raw.(*conn); ok {
		return c, nil
	}
	c := d.newConn(raw)
	return c, d.register.enter(c)
}

func (d *Door) shake(c *conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := d.inner.ServerHandshake(c)
	if err != nil {
		return nil, nil, err
	}
	tlsInfo, secure := info.(credentials.TLSInfo)
	c.secured = secure
	s := standingOf(&tlsInfo.State)
	if err := d.register.admit(c, s); err != nil {
		return nil, nil, err
	}
	if err := d.keeper.welcome(c, s); err != nil {
		return nil, nil, err
	}
	if secure {
		d.metrics.succeed(time.Since(c.accepted), &tlsInfo.State)
	}
	return secured, &Peer{info, d.keeper, c}, nil
}

// refuse is the one place where a failure is counted and logged, whoever reports
// it.
func (d *Door) refuse(c *conn, err error) {
	var denial *Denial
	if errors.As(err, &denial) {
		d.keeper.guard.Denied(denial)
	}
	reason := c.classify(err)
	d.metrics.fail(reason, time.Since(c.accepted))
	d.logRefusal(c, reason, err)
}

// ClientHandshake is the inner one; a door is for servers.
func (d *Door) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return d.inner.ClientHandshake(ctx, authority, raw)
}

// Info is the inner one.
func (d *Door) Info() credentials.ProtocolInfo { return d.inner.Info() }

// Clone returns a door that has limits, metrics and log in common with this one.
func (d *Door) Clone() credentials.TransportCredentials {
	clone := *d
	clone.inner = d.inner.Clone()
	return &clone
}

// OverrideServerName is the inner one. It means nothing to a server.
//
// Deprecated: gRPC keeps it for clients; use grpc.WithAuthority instead.
func (d *Door) OverrideServerName(name string) error {
	return d.inner.OverrideServerName(name)
}
