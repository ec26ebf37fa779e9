package xds

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
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
}

// enter asks the gate about the client, which says that it is node.
func (a *admission) enter(node *corev3.Node) error {
	a.revised = a.gate.Changed()
	pass, err := a.gate.Join(a.client, node.GetCluster(), node.GetId())
	if err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	a.pass = pass
	return nil
}

// renew asks the gate again about a client that is in. One that is let in no more loses
// its connection, and not only its stream: what it may not have by this one, it could
// ask for by another.
func (a *admission) renew(node *corev3.Node) error {
	err := a.enter(node)
	if err != nil && a.pass.Expel != nil {
		a.pass.Expel(err)
	}
	return err
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
