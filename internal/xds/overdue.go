package xds

import (
	"context"
	"time"
)

// overdueAfter is how long a stream has to ask the gate by itself. A client that may
// have nothing any more is out within a second.
const overdueAfter = 500 * time.Millisecond

// expelOverdue expels the clients that are let in no more and whose streams did not
// notice, until ctx ends: such a stream waits in a send for a client that does not read.
func (s *Server) expelOverdue(ctx context.Context) {
	for changed := s.gate.Changed(); ; {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(overdueAfter):
		}
		changed = s.gate.Changed() // before it is asked, or a change in between would be missed
		for _, one := range s.roster.all() {
			one.expelIfOverdue()
		}
	}
}

// expelIfOverdue implements [viewer].
func (s *session[Req]) expelIfOverdue() {
	s.mu.Lock()
	in, node := s.admitted, s.node
	s.mu.Unlock()
	if in.pass.Expel == nil || !in.overdue() {
		return // it is not in yet, or has asked by itself
	}
	if _, err := in.gate.Join(in.client, node.group, node.id); err != nil {
		in.pass.Expel(err)
	}
}
