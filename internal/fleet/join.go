package fleet

import (
	"cmp"
	"iter"
	"slices"

	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/xds"
)

// A key is what makes streams those of one client.
type key struct {
	peer          *handshake.Peer
	nodeID, group string
}

// join makes clients of streams, those of whose nodes wanted says so. One without
// mutual TLS is nobody, one that has asked for nothing has not said who it is, and one whose connection has just been closed is gone. They are
// sorted by group, node, and time.
func join(streams iter.Seq[xds.Stream], newestRoot string, wanted func(nodeID string) bool) []*Client {
	clients := make(map[key]*Client)
	for stream := range streams {
		peer, ok := stream.Peer.AuthInfo.(*handshake.Peer)
		if !ok || stream.Types == nil || !wanted(stream.NodeID) {
			continue // nobody, nobody yet, or nobody who is asked about
		}
		k := key{peer, stream.NodeID, stream.Group}
		c := clients[k]
		if c == nil {
			if c = newClient(peer, &stream, newestRoot); c == nil {
				continue
			}
			clients[k] = c
		}
		c.add(&stream)
	}
	all := make([]*Client, 0, len(clients))
	for _, c := range clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Client) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.NodeID, b.NodeID), a.Connected.Compare(b.Connected), cmp.Compare(a.Address, b.Address))
	})
	return all
}

// newClient is nil for one in plaintext, or whose connection is closed.
func newClient(peer *handshake.Peer, stream *xds.Stream, newestRoot string) *Client {
	root, _ := peer.Standing()
	leaf := peer.Leaf()
	if root == "" || leaf == nil {
		return nil
	}
	return &Client{
		Identity: stream.Identity, Rule: stream.Rule,
		NodeID: bounded(stream.NodeID, maxNodeID), Group: bounded(stream.Group, maxGroup),
		UserAgent: stream.UserAgent, UserAgentVersion: stream.UserAgentVersion,
		Address: stream.Peer.Addr.String(), Connected: peer.Connected(), CertificateEnd: leaf.NotAfter,
		Root: root, OnNewestRoot: root == newestRoot,
	}
}

// add takes in one of the client's streams.
func (c *Client) add(stream *xds.Stream) {
	protocol := stream.Service + "/" + stream.Protocol
	if at, found := slices.BinarySearch(c.Protocols, protocol); !found {
		c.Protocols = slices.Insert(c.Protocols, at, protocol)
	}
	for i := range stream.Types {
		t := typeOf(&stream.Types[i])
		at := slices.IndexFunc(c.Types, func(other Type) bool { return other.URL == t.URL })
		switch {
		case t.idle():
		case at < 0:
			c.Types = append(c.Types, t)
		default:
			c.Types[at] = c.Types[at].with(&t)
		}
	}
}

func typeOf(s *xds.TypeStatus) Type {
	t := Type{
		URL: s.URL, Name: s.Label, State: Stale, Wildcard: s.Wildcard, Names: s.Names, Streams: 1,
		Sent: Mark(s.Sent), Acked: Mark(s.Acked), Refused: Mark(s.Refused), Reason: s.Reason,
	}
	switch {
	case s.InSync:
		t.State = Synced
	case s.Refusing:
		t.State = Refused
	case s.Sent.At.IsZero() && s.Acked.At.IsZero():
		t.State = NotSent
	}
	return t
}

// idle tells of one whose subscription has ended.
func (t *Type) idle() bool { return t.State == Synced && !t.Wildcard && t.Names == 0 }

// with is what the client stands at with one more stream of the type: at what the one
// in the worse state does, or the one that was told of more lately.
func (t Type) with(other *Type) Type {
	shown := t
	if other.State.worse(t.State) || other.State == t.State && other.Sent.At.After(t.Sent.At) {
		shown = *other
	}
	shown.Wildcard, shown.Names, shown.Streams = t.Wildcard || other.Wildcard, t.Names+other.Names, t.Streams+other.Streams
	return shown
}
