// Package handshake is the door of the xDS server: a decorator of gRPC's
// transport credentials that counts every handshake, says why the failed ones
// failed, and keeps count of the connections that got in.
//
// A decorator, because a failed handshake is seen nowhere else: gRPC's
// interceptors and stats handlers begin after it. The decorator changes nothing
// of what it decorates: errors and authentication info pass through as they are.
package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Config says what a [Door] decorates and where it reports.
type Config struct {
	// Optional. How connections are secured; unset means plaintext, with no handshake
	// to count. The door keeps it and does not change it.
	TLS *tls.Config
	// Optional. Where refusals are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. Where the metrics are registered; unset means nowhere.
	Registerer prometheus.Registerer
}

// Door decorates transport credentials of a server. It is safe for concurrent
// use. Its connections are counted if they come from a listener that
// [Door.Listener] made.
type Door struct {
	inner   credentials.TransportCredentials
	secure  bool
	log     *slog.Logger
	metrics *metrics
}

var _ credentials.TransportCredentials = (*Door)(nil)

// New returns a door. It panics when its metrics are registered already, as two
// doors on one registry would count each other's.
func New(cfg Config) *Door {
	d := &Door{inner: insecure.NewCredentials(), secure: cfg.TLS != nil, log: cfg.Logger, metrics: newMetrics()}
	if d.secure {
		d.inner = credentials.NewTLS(cfg.TLS)
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(d.metrics)
	}
	return d
}

// ServerHandshake does the inner handshake and counts how it ended. gRPC bounds
// its time, by a deadline on the connection.
func (d *Door) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := d.inner.ServerHandshake(raw)
	if err != nil {
		// gRPC hands a connection over to another server by this error.
		if !errors.Is(err, credentials.ErrConnDispatched) {
			d.refuse(raw, err)
		}
		return nil, nil, err // as it is: gRPC compares io.EOF with ==
	}
	if d.secure {
		d.metrics.succeed()
	}
	if c, ok := raw.(*conn); ok {
		c.admit()
	}
	return secured, info, nil
}

func (d *Door) refuse(raw net.Conn, err error) {
	reason := classify(err)
	d.metrics.fail(reason)
	level := slog.LevelWarn
	if errors.Is(err, io.EOF) {
		// Health checks that only open the port do this all day.
		level = slog.LevelDebug
	}
	d.log.Log(context.Background(), level, "refused a TLS handshake",
		"remote", raw.RemoteAddr().String(), "reason", string(reason), "error", bounded(err))
}

// maxErrorText bounds what a stranger can make us log: names of certificates
// that did not verify are part of the error's text.
const maxErrorText = 300

func bounded(err error) string {
	text := err.Error()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}

// ClientHandshake is the inner one; a door is for servers.
func (d *Door) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return d.inner.ClientHandshake(ctx, authority, raw)
}

// Info is the inner one.
func (d *Door) Info() credentials.ProtocolInfo { return d.inner.Info() }

// Clone returns a door that counts into the same metrics.
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
