package handshake

import (
	"container/heap"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A register knows every connection of a door, from when it was accepted until
// it is closed: the pending ones, which are in their handshake, and the live ones,
// with what those stand on. It decides who makes room. It is safe for concurrent use.
type register struct {
	limits Limits

	mu      sync.Mutex // guards all below, and the fields of a conn that say so
	room    *sync.Cond // a pending connection left, or waits for its peer
	pending chain
	waiting waiters // those of pending that wait for their peer
	sources map[netip.Prefix]map[*conn]struct{}
	live    chain
	ends    ends                  // those of live that stand on a root, by when that ends
	roots   map[string]*rootCount // by their DER encoding
	closed  bool

	working atomic.Int64 // those that have a CPU turn
}

func newRegister(limits Limits) *register {
	r := &register{
		limits:  limits,
		sources: make(map[netip.Prefix]map[*conn]struct{}),
		roots:   make(map[string]*rootCount),
	}
	r.room = sync.NewCond(&r.mu)
	return r
}

// enter makes c a pending connection. If the limit is reached, the one that has
// waited longest for its peer's bytes makes room; where all wait for this
// server's CPU, or have only begun to wait for their peer, enter waits for one of
// them. An error says why c is not let in: nothing is computed for a connection
// that could not go live.
func (r *register) enter(c *conn) error {
	victim, err := r.enterFor(c)
	if victim != nil {
		_ = victim.abort()
	}
	return err
}

// enterFor is enter, but for closing the connection that made room: a system call
// is no thing to do under a lock.
func (r *register) enterFor(c *conn) (victim *conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live.count >= r.limits.Connections {
		return nil, errConnections
	}
	if of := r.sources[c.source]; r.limits.PendingPerSource > 0 && len(of) >= r.limits.PendingPerSource {
		if victim = longest(of); victim == nil || time.Since(victim.since) < patience || unread(victim.Conn) {
			return nil, errSource // the others can't wait for this one
		}
		r.expel(victim, errSource)
	}
	for victim == nil && !r.closed && r.pending.count >= r.limits.Pending {
		if victim = r.shed(); victim == nil {
			r.awaitRoom()
		}
	}
	if r.closed {
		return victim, errShutdown
	}
	r.add(c)
	return victim, nil
}

// awaitRoom waits until a pending connection leaves, or has waited long enough to
// make room.
func (r *register) awaitRoom() {
	if len(r.waiting) > 0 {
		wake := time.AfterFunc(patience-time.Since(r.waiting[0].since), r.room.Broadcast)
		defer wake.Stop()
	}
	r.room.Wait()
}

func (r *register) add(c *conn) {
	c.pending = true
	r.pending.add(c)
	if r.limits.PendingPerSource > 0 && c.source.IsValid() {
		if r.sources[c.source] == nil {
			r.sources[c.source] = make(map[*conn]struct{})
		}
		r.sources[c.source][c] = struct{}{}
	}
}

// makeRoom closes the connection that has waited longest for its peer's bytes,
// and tells whether there was one.
func (r *register) makeRoom() bool {
	r.mu.Lock()
	victim := r.shed()
	r.mu.Unlock()
	if victim == nil {
		return false
	}
	_ = victim.abort()
	return true
}

// patience is how long a connection may wait for its peer, all in all, before it
// can be shed. Without it, an honest client that has waited for this server's CPU
// could be shed as soon as it had its answer. With it, the door turns over its whole
// limit in this time at most, however many knock: faster than the kernel's queue
// fills, and slower than a peer on the other side of the world needs. A crowd that
// is larger than the limit and slower than that sheds itself nevertheless.
const patience = 250 * time.Millisecond

// shed expels the one that has waited longest for its peer, and long enough. One
// whose peer's bytes are there, and only not read yet, waits for this server.
func (r *register) shed() *conn {
	for len(r.waiting) > 0 && time.Since(r.waiting[0].since) >= patience {
		victim := r.waiting[0]
		if unread(victim.Conn) {
			r.stopWaiting(victim)
			continue
		}
		r.expel(victim, errShed)
		return victim
	}
	return nil
}

// expel takes c out for a reason of ours, which is what its handshake then fails
// with, whatever the closed socket says.
func (r *register) expel(c *conn, cause *refusal) {
	c.cause = cause
	r.leave(c)
}

// leave takes c from the pending ones, and tells whether it was among them.
func (r *register) leave(c *conn) bool {
	if !c.pending {
		return false
	}
	c.pending = false
	r.pending.remove(c)
	r.stopWaiting(c)
	if of := r.sources[c.source]; of != nil {
		if delete(of, c); len(of) == 0 {
			delete(r.sources, c.source)
		}
	}
	r.room.Signal()
	return true
}

// wait notes that c waits for its peer from now on.
func (r *register) wait(c *conn, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !c.pending {
		return
	}
	c.since = now.Add(-c.waited)
	heap.Push(&r.waiting, c)
	r.room.Signal()
}

// resume notes that c has heard from its peer, or never will, and returns why it
// was expelled meanwhile, if it was.
func (r *register) resume(c *conn, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	c.waited = now.Sub(c.since)
	r.stopWaiting(c)
	return nil
}

func (r *register) stopWaiting(c *conn) {
	if c.place >= 0 {
		heap.Remove(&r.waiting, c.place)
	}
}

// depart takes c out, in whatever state it is.
func (r *register) depart(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(c)
	r.evictLocked(c)
}

// close ends every pending connection and lets nobody in any more.
func (r *register) close() {
	r.mu.Lock()
	r.closed = true
	ended := r.pending.all()
	for _, c := range ended {
		r.expel(c, errShutdown)
	}
	r.room.Broadcast()
	r.mu.Unlock()
	for _, c := range ended {
		_ = c.abort()
	}
}

// cut closes every live connection.
func (r *register) cut() {
	r.mu.Lock()
	live := r.live.all()
	r.mu.Unlock()
	for _, c := range live {
		r.depart(c)
		_ = c.Conn.Close()
	}
}

// occupancy is how many connections are in which state.
type occupancy struct{ peer, queue, cpu, live int }

func (r *register) occupancy() occupancy {
	r.mu.Lock()
	defer r.mu.Unlock()
	// One that was expelled can have its turn for a moment longer.
	working := min(int(r.working.Load()), r.pending.count-len(r.waiting))
	return occupancy{
		peer: len(r.waiting), queue: r.pending.count - len(r.waiting) - working, cpu: working, live: r.live.count,
	}
}
