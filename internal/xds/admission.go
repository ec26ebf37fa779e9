package xds

import (
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// An admission is what a stream's client was let in with. Its methods are for the
// stream's goroutine.
type admission struct {
	gate   Gate
	client *peer.Peer
	pass   Pass
	// revised is closed when the gate is to be asked again. It is taken before the gate
	// decides, or a change in between would be missed.
	revised <-chan struct{}
	// withheld are the secrets that the client asked for and was not given.
	withheld map[string]struct{}
	// barred are the secrets that it had by an earlier pass, and may have no more.
	barred map[string]struct{}
}

// enter asks the gate about the client, which says that it is n. A pass that it has is
// left to it when it is let in no more.
func (a *admission) enter(n *node) error {
	a.revised = a.gate.Changed()
	pass, err := a.gate.Join(a.client, n.group, n.id)
	if err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	a.bar(pass)
	a.pass = pass
	return nil
}

// bar notes what the next pass takes from the client.
func (a *admission) bar(next Pass) {
	for _, name := range a.pass.Secrets {
		if _, still := slices.BinarySearch(next.Secrets, name); still {
			continue
		}
		if a.barred == nil {
			a.barred = make(map[string]struct{})
		}
		a.barred[name] = struct{}{}
	}
	for _, name := range next.Secrets {
		delete(a.barred, name)
	}
}

// overdue tells whether the gate may decide otherwise than when it was asked.
func (a *admission) overdue() bool {
	select {
	case <-a.revised:
		return true
	default:
		return false
	}
}

// named notes the secrets that a client has just named and that are not there for it,
// though they exist. To the client, that is no difference.
func (a *admission) named(c *core, w *watch, now *typeState) {
	if a.pass.Withheld == nil {
		return
	}
	for name := range w.stale {
		if _, told := a.withheld[name]; told || now.get(name) != nil || !c.hasSecret(name) {
			continue
		}
		if a.withheld == nil {
			a.withheld = make(map[string]struct{})
		}
		a.withheld[name] = struct{}{}
		a.pass.Withheld(name)
	}
}
