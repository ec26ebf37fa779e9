package handshake

import (
	"crypto/x509"
	"log/slog"
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
	// Revoked says that a revocation list in force has the client's certificate, or one
	// of its chain.
	Revoked CloseReason = "revoked"
	// Forbidden says that the access policy in force has no rule any more by which the
	// client may have what it has.
	Forbidden CloseReason = "forbidden"
)

// CloseReasons returns the closed set.
func CloseReasons() []CloseReason {
	return []CloseReason{CertificateExpired, RootRemoved, Recycled, Revoked, Forbidden}
}

const closedHelp = "Connections on the xDS port that this server closed after their handshake, by reason. " +
	"certificate_expired: The client's certificate, or one of its chain, has ended. " +
	"root_removed: The CA bundle in force no longer verifies the client's certificate. " +
	"recycled: An operator asked the clients that stand on a root to come back. " +
	"revoked: A revocation list in force has the client's certificate, or one of its chain. " +
	"forbidden: No rule of the access policy in force lets the client have what it has."

// closed is the one place where such an end is counted and logged. It is no warning:
// a client that has a new certificate comes back at once, and the refusal of one that
// has not is.
func (d *Door) closed(c *conn, reason CloseReason, leaf *x509.Certificate, err error) {
	d.closings.Event(slog.LevelInfo, string(reason), identityIn(err), c.RemoteAddr().String(), func() []any {
		return append([]any{"error", bounded(err.Error())}, describe(leaf)...)
	})
	d.metrics.closed.WithLabelValues(string(reason)).Inc()
}
