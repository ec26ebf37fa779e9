package handshake

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// recyclePause is what lies between two closings of [Door.Recycle]: nearly 200 a second,
// of which each is a handshake a moment later. That is a small part of what two CPUs
// do, and 10,000 are through in a minute. An even pace needs no jitter; each Envoy draws
// its own before it comes back.
const recyclePause = 5 * time.Millisecond

var errRecycled = errors.New("an operator asked those that stand on this root to come back")

// RootsInForce are the fingerprints of the roots that connections are counted by;
// none in plaintext.
func (d *Door) RootsInForce() []string {
	if d.keeper.provider == nil {
		return nil
	}
	return rootsInForce(d.keeper.provider)
}

// Recycle closes the live connections that stand on the root of that fingerprint, so
// that their clients come back with the certificates that they have by now, and
// returns how many it closed. Those that come meanwhile are left alone, and so is the
// one from the address besides, by which the request for it came. It takes as long as
// its pace has it, and closes no more once ctx ends.
func (d *Door) Recycle(ctx context.Context, root string, besides net.Addr) int {
	closed := 0
	for _, claim := range d.register.standingOn(root) {
		if claim.conn.RemoteAddr().String() == besides.String() {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if !d.register.evictFrom(claim.conn, claim.root) {
			continue // it ended by itself, or another root holds it by now
		}
		_ = claim.conn.Conn.Close() // as the keeper does it: what is above it ends by that
		d.closed(claim.conn, Recycled, claim.presented[0], errRecycled)
		closed++
		select {
		case <-ctx.Done():
		case <-time.After(recyclePause):
		}
	}
	return closed
}

// standingOn returns the live connections that stand on the root of a fingerprint. A
// root is hashed once, and not for each connection.
func (r *register) standingOn(fingerprint string) []claim {
	of := r.rootOf(fingerprint)
	if of == nil {
		return nil
	}
	return r.claims(func(root *x509.Certificate, _ []*x509.Certificate) bool { return root.Equal(of) })
}

// rootOf returns the root of a fingerprint, if any connection stands on it.
func (r *register) rootOf(fingerprint string) *x509.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, root := range r.roots {
		if credentials.RootFingerprint(root.cert) == fingerprint {
			return root.cert
		}
	}
	return nil
}

// evictFrom is evict of a connection that stands on root still.
func (r *register) evictFrom(c *conn, root *x509.Certificate) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.root != nil && c.root.cert.Equal(root) && r.evictLocked(c)
}
