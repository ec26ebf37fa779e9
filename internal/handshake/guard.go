package handshake

import (
	"crypto/x509"
	"errors"
)

// A Guard looks closer at clients whose chain is good: at who they are, and whether
// their certificate was revoked. It is asked in each handshake, by VerifyConnection, so
// that a resumed session would be asked about as well, and again about each live
// connection when it changes its mind. It must be safe for concurrent use, and quick.
type Guard interface {
	// Check tells why the client of these chains, leaf first, as crypto/tls verified
	// them, is not to be let in: by a [*Denial], or an error that has one in its chain.
	Check(chains [][]*x509.Certificate) error
	// Denied is told of each denial of Check's that was acted upon: a handshake was
	// refused, or a connection closed.
	Denied(*Denial)
	// Changed returns a channel that is closed as soon as Check may decide otherwise than
	// at the time of the call. Ask for it first, and no change is missed.
	Changed() <-chan struct{}
}

// A Denial is why a [Guard] lets a client in no more than it does a stranger.
type Denial struct { //nolint:errname // it says what a guard did
	// Reason is what a refused handshake is counted as.
	Reason Reason
	// Optional. Close is for what reason a live connection is closed; empty means that
	// it lives on, and only newcomers are refused.
	Close CloseReason
	// Optional. Identity is who the client is, for the log; empty means that nobody asked.
	Identity string
	// Err says more, for the log.
	Err error
}

// identityIn is that of the denial in an error's chain, or "".
func identityIn(err error) string {
	var denial *Denial
	if !errors.As(err, &denial) {
		return ""
	}
	return bounded(denial.Identity)
}

// Error is that of Err.
func (d *Denial) Error() string { return d.Err.Error() }

// Unwrap returns Err.
func (d *Denial) Unwrap() error { return d.Err }

// noGuard lets everybody in whose chain is good.
type noGuard struct{}

// Check implements [Guard].
func (noGuard) Check([][]*x509.Certificate) error { return nil }

// Denied implements [Guard].
func (noGuard) Denied(*Denial) {}

// Changed implements [Guard].
func (noGuard) Changed() <-chan struct{} { return nil }
