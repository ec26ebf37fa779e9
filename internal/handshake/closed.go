package handshake

import (
	"context"
	"crypto/x509"
	"log/slog"
	"time"
)

// CloseReason is why the door closed a connection that was through its handshake,
// from a closed set.
type CloseReason string

// The reasons.
const (
	// CertificateExpired says that the client's certificate, or one of its chain, has
	// ended.
	CertificateExpired CloseReason = "certificate_expired"
	// RootRemoved says that the CA bundle in force no longer verifies the client's
	// certificate.
	RootRemoved CloseReason = "root_removed"
	// Recycled says that an operator asked the clients that stand on a root to come
	// back.
	Recycled CloseReason = "recycled"
)

// CloseReasons returns the closed set.
func CloseReasons() []CloseReason { return []CloseReason{CertificateExpired, RootRemoved, Recycled} }

const closedHelp = "Connections on the xDS port that this server closed after their handshake, by reason. " +
	"certificate_expired: The client's certificate, or one of its chain, has ended. " +
	"root_removed: The CA bundle in force no longer verifies the client's certificate. " +
	"recycled: An operator asked the clients that stand on a root to come back."

func newClosingLog(log *slog.Logger, interval time.Duration) *floodLog {
	l := newFloodLog(log, interval)
	l.one = func(level slog.Level, attrs ...any) {
		l.log.Log(context.Background(), level, "closed a connection", attrs...)
	}
	l.more = func(level slog.Level, attrs ...any) {
		l.log.Log(context.Background(), level, "closed more connections for the same reason", attrs...)
	}
	return l
}

// closed is the one place where such an end is counted and logged. It is no warning:
// a client that has a new certificate comes back at once, and the refusal of one that
// has not is.
func (d *Door) closed(c *conn, reason CloseReason, leaf *x509.Certificate, err error) {
	d.closings.event(slog.LevelInfo, string(reason), c.RemoteAddr().String(), func() []any {
		return append([]any{"error", bounded(err.Error())}, describe(leaf)...)
	})
	d.metrics.closed.WithLabelValues(string(reason)).Inc()
}
