package credentials

import (
	"crypto/x509"
	"time"
)

// Round does at once what is otherwise done after a pause. The provider must have a
// Poll that is longer than the test.
func (g *Generated) Round() { g.round() }

// Pause is how long is waited before the next round.
func (g *Generated) Pause() time.Duration { return g.pause() }

// SetSteady gives it another clock that nobody sets. It is to be called between rounds.
func (g *Generated) SetSteady(steady func() time.Time) { g.keeper.steady = steady }

// RenewAt is when a leaf is renewed.
func RenewAt(leaf *x509.Certificate) time.Time { return renewAt(leaf) }

// MayKeep tells whose folder a user can trust, by their ids.
func MayKeep(owner, user int) bool { return mayKeep(owner, user) }
