package access

import (
	"errors"

	"google.golang.org/grpc/peer"

	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/xds"
)

// Gate is the guard as the xDS server asks it, which knows streams and no certificates.
func (g *Guard) Gate() xds.Gate { return gate{g} }

type gate struct{ guard *Guard }

var errNoPeer = errors.New("the connection has no verified certificate")

// Join implements [xds.Gate].
func (g gate) Join(client *peer.Peer, group, nodeID string) (xds.Pass, error) {
	proven, ok := client.AuthInfo.(*handshake.Peer)
	if !ok || proven.Leaf() == nil {
		return xds.Pass{}, errNoPeer
	}
	who := Client{Leaf: proven.Leaf(), Remote: client.Addr.String(), Group: group, NodeID: nodeID}
	grant, err := g.guard.Join(who)
	if err != nil {
		return xds.Pass{}, err
	}
	return xds.Pass{
		Identity: grant.Identity, Rule: grant.Rules, Secrets: grant.Secrets,
		Withheld: func(secret string) { g.guard.Withheld(who, grant.Rules, secret) },
		Expel: func(why error) {
			proven.Expel(handshake.Forbidden, &handshake.Denial{Reason: handshake.NoRule, Identity: grant.Identity, Err: why})
		},
	}, nil
}

// Changed implements [xds.Gate].
func (g gate) Changed() <-chan struct{} { return g.guard.Changed() }

// SeePeer is [Guard.See] for the caller of a connection. Who is in plaintext is nobody.
func (g *Guard) SeePeer(caller *peer.Peer) error {
	who := Client{Remote: caller.Addr.String()}
	if proven, ok := caller.AuthInfo.(*handshake.Peer); ok {
		who.Leaf = proven.Leaf()
	}
	return g.See(who)
}
