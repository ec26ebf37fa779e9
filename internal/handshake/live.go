package handshake

import (
	"container/heap"
	"crypto/x509"
	"net"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// rootCount is how many live connections stand on a root. The register has one for
// each root that any of them stands on; its count is guarded by register.mu.
type rootCount struct {
	cert  *x509.Certificate
	count int
}

// admit makes a pending connection a live one, that stands on s. An error says why
// not.
func (r *register) admit(c *conn, s standing) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case c.cause != nil:
		return c.cause
	case r.live.count >= r.limits.Connections:
		return errConnections // and pending until it is closed
	case !r.leave(c):
		return net.ErrClosed
	}
	c.live = true
	r.live.add(c)
	r.stand(c, s)
	return nil
}

// restand notes what a connection stands on now, if it is live still.
func (r *register) restand(c *conn, s standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.live {
		r.unstand(c)
		r.stand(c, s)
	}
}

func (r *register) stand(c *conn, s standing) {
	c.presented, c.chains, c.until = s.presented, s.chains, s.until
	if s.root == nil {
		return
	}
	root := r.roots[string(s.root.Raw)]
	if root == nil {
		root = &rootCount{cert: s.root}
		r.roots[string(s.root.Raw)] = root
	}
	root.count++
	c.root = root
	heap.Push(&r.ends, c)
}

func (r *register) unstand(c *conn) {
	if c.root == nil {
		return
	}
	if c.root.count--; c.root.count == 0 {
		delete(r.roots, string(c.root.cert.Raw))
	}
	c.root = nil
	r.ends.remove(c)
}

// evict takes a live connection out, and tells whether it was one: of several that
// would close it and say why, one does.
func (r *register) evict(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.evictLocked(c)
}

func (r *register) evictLocked(c *conn) bool {
	if !c.live {
		return false
	}
	c.live = false
	r.live.remove(c)
	r.unstand(c)
	return true
}

// A claim is a live connection with what it stands on.
type claim struct {
	conn      *conn
	presented []*x509.Certificate
	chains    [][]*x509.Certificate
	root      *x509.Certificate
}

// claims returns the live connections that want returns true for, which is called
// under the lock.
func (r *register) claims(want func(root *x509.Certificate, presented []*x509.Certificate) bool) []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []claim
	for c := r.live.first; c != nil; c = c.next {
		if c.root != nil && want(c.root.cert, c.presented) {
			found = append(found, claim{c, c.presented, c.chains, c.root.cert})
		}
	}
	return found
}

// ended returns the live connections whose chain has ended at the time now.
func (r *register) ended(now time.Time) []claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []claim
	r.ends.before(now, func(c *conn) { found = append(found, claim{c, c.presented, c.chains, c.root.cert}) })
	return found
}

// byRoot is how many live connections stand on each root, by its fingerprint, of
// those that any does.
func (r *register) byRoot() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := make(map[string]int, len(r.roots))
	for _, root := range r.roots {
		counts[credentials.RootFingerprint(root.cert)] = root.count
	}
	return counts
}
