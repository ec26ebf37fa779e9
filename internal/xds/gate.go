package xds

import (
	"google.golang.org/grpc/peer"
)

// A Gate decides what the client of a stream may have, by what its connection has
// proven. Without one, who is connected may join any group. It must be safe for
// concurrent use.
type Gate interface {
	// Join decides about the client of a connection that claims to be of a group and
	// has a node id, which is all that it says of itself. The error is what it is told
	// when it may not, with the status PERMISSION_DENIED, and must not say what exists.
	Join(client *peer.Peer, group, nodeID string) (Pass, error)
	// Changed returns a channel that is closed as soon as Join may decide otherwise
	// than at the time of the call. Each stream is decided about anew then. Nil never is.
	Changed() <-chan struct{}
}

// A Pass is what a [Gate] lets a client have.
type Pass struct {
	// Identity and Rule are who it is and what lets it in, for the log and the view of
	// the fleet. Neither decides anything here.
	Identity, Rule string
	// Secrets are the names, sorted, of secrets that it may have besides those that the
	// resources of its group refer to.
	Secrets []string
	// Optional. Withheld is told of a secret that the client named, that exists, and
	// that it may not have: once for each name and stream.
	Withheld func(secret string)
	// Optional. Expel closes the connection of a client that is let in no more.
	Expel func(why error)
}

// openGate lets everybody in.
type openGate struct{}

// Join implements [Gate].
func (openGate) Join(*peer.Peer, string, string) (Pass, error) { return Pass{}, nil }

// Changed implements [Gate].
func (openGate) Changed() <-chan struct{} { return nil }
