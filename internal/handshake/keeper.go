package handshake

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// A keeper holds live connections to what is in force: it closes one whose
// certificates end, and one that the roots of a new generation no longer verify.
// TLS asks for a certificate once, when a connection begins, and an Envoy keeps its
// connection for months. It is safe for concurrent use, but for [keeper.run].
type keeper struct {
	register *register
	provider credentials.CredentialProvider // nil where roots never change
	guard    Guard
	closed   func(c *conn, reason CloseReason, leaf *x509.Certificate, err error)
}

// keepInterval is how often the keeper looks at the wall clock. Certificates end by
// that clock, which can jump, so that no timer could be trusted for longer.
const keepInterval = 500 * time.Millisecond

// run keeps until ctx ends. The clock is looked at beside the re-verification,
// which takes seconds for a very large fleet.
func (k *keeper) run(ctx context.Context) {
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { k.follow(ctx) })
	following.Go(func() { k.recheck(ctx) })
	tick := time.NewTicker(keepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.sweep(time.Now())
		}
	}
}

// sweep closes the connections whose chain has ended at the time now. Where it was
// not the leaf that ended, another chain may still hold.
func (k *keeper) sweep(now time.Time) {
	ended := k.register.ended(now)
	for len(ended) > 0 {
		m := k.material()
		k.judge(context.Background(), m, ended, now, func(error) CloseReason { return CertificateExpired })
		if k.material() == m {
			return // what comes into force from now on finds where they stand
		}
	}
}

// follow re-verifies what is alive whenever a new generation comes into force. One
// that comes meanwhile ends the work on the one before.
func (k *keeper) follow(ctx context.Context) {
	announcer, ok := k.provider.(credentials.Announcer)
	if !ok {
		return
	}
	var held *credentials.Material // what every live connection was held to
	for ctx.Err() == nil {
		changed := announcer.Changed() // before the material is taken, or a change in between would be missed
		if m := k.material(); k.hold(ctx, m, held) {
			held = m
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// recheck asks the guard about what is alive whenever it changes its mind. Who came in
// before the change is among the live ones by then, and who comes after finds that the
// guard has changed: see [keeper.welcome].
func (k *keeper) recheck(ctx context.Context) {
	for changed := k.guard.Changed(); ; {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		changed = k.guard.Changed() // before it is asked, or a change in between would be missed
		for _, claim := range k.register.claims(func(*x509.Certificate, []*x509.Certificate) bool { return true }) {
			if ctx.Err() != nil {
				return
			}
			k.ask(claim)
		}
	}
}

// ask closes a live connection that the guard would not let in any more.
func (k *keeper) ask(claim claim) {
	var denial *Denial
	err := k.guard.Check(claim.chains)
	if errors.As(err, &denial) && denial.Close != "" && k.expel(claim.conn, denial.Close, claim.presented[0], err) {
		k.guard.Denied(denial)
	}
}

// expel closes a live connection, and tells whether nobody else did before.
func (k *keeper) expel(c *conn, reason CloseReason, leaf *x509.Certificate, why error) bool {
	if !k.register.evict(c) {
		return false
	}
	_ = c.Conn.Close() // the raw one: what is above it ends by that, streams first
	k.closed(c, reason, leaf, why)
	return true
}

// material is the generation in force, or nil without one.
func (k *keeper) material() *credentials.Material {
	if k.provider == nil {
		return nil
	}
	m, err := k.provider.Material()
	if err != nil {
		return nil
	}
	return m
}

// hold re-verifies the live connections against m, and tells whether it came to the
// end. before is the generation that they were held to until now, or nil.
//
// Nearly all are passed over without a signature: as long as the root of its chain is
// in the bundle, byte for byte, a chain that was valid is valid, but for its end,
// which is watched anyway. Those whose root is gone are verified anew, and so are
// those that a root which came may verify as well, since they may no longer stand on
// the old one.
func (k *keeper) hold(ctx context.Context, m, before *credentials.Material) bool {
	if m == nil {
		return false // nothing to hold them to
	}
	added := rootsAdded(m, before)
	claims := k.register.claims(func(root *x509.Certificate, presented []*x509.Certificate) bool {
		return !m.Trusts(root) || anyMayIssue(added, presented)
	})
	return k.judge(ctx, m, claims, time.Now(), reasonOf)
}

// welcome holds a connection that has just been admitted to the generation in force,
// which can be newer than the one that its handshake began with. An error is why it
// is refused after all.
//
// The order makes up for a lock: a connection is admitted and then looks at the
// generation, a generation comes into force and then its keeper looks at the
// connections. Whichever comes second sees the other.
func (k *keeper) welcome(c *conn, s standing) error {
	for {
		m := k.material()
		if m == nil || s.root == nil || m.Trusts(s.root) {
			return k.askAgain(c, s)
		}
		chains, err := m.VerifyClient(s.presented, time.Now())
		switch {
		case err == nil:
			s = standOn(s.presented, chains)
			s.again = true
			k.register.restand(c, s)
		case k.register.evict(c):
			return verificationError(s.presented, err)
		default:
			return nil // the keeper was quicker, and has closed it
		}
	}
}

// askAgain asks the guard about a connection that has just been admitted, if it may
// decide otherwise than in the handshake: because it has changed its mind since, or the
// connection stands on another chain.
func (k *keeper) askAgain(c *conn, s standing) error {
	if s.root == nil || c.guarded == k.guard.Changed() && !s.again {
		return nil
	}
	if err := k.guard.Check(s.chains); err != nil && k.register.evict(c) {
		return err
	}
	return nil
}

// rootsAdded returns the roots of m that before had not.
func rootsAdded(m, before *credentials.Material) []*x509.Certificate {
	var added []*x509.Certificate
	for _, root := range m.Roots() {
		if before == nil || !before.Trusts(root) {
			added = append(added, root)
		}
	}
	return added
}

// anyMayIssue tells whether one of the roots is, by its name and its key's, an issuer
// in a chain. It decides about nothing but whether to look closer.
func anyMayIssue(roots, chain []*x509.Certificate) bool {
	for _, root := range roots {
		for _, cert := range chain {
			if mayIssue(root, cert) {
				return true
			}
		}
	}
	return false
}

func mayIssue(root, cert *x509.Certificate) bool {
	return bytes.Equal(root.RawSubject, cert.RawIssuer) &&
		(len(root.SubjectKeyId) == 0 || len(cert.AuthorityKeyId) == 0 || bytes.Equal(root.SubjectKeyId, cert.AuthorityKeyId))
}
