// Package fleet says which Envoys are where: it joins the live connections with their
// discovery streams, and offers the result as Envoy's own Client Status Discovery
// Service ([Service]) to whoever may see it, and to [Call].
//
// It has no resource, and so no answer of it ever holds one: what a request says by
// exclude_resource_contents is always so. It keeps nothing: each answer is made of
// what connections and streams stand at when it is asked for, one stream after the
// other, so that a push waits for no answer.
package fleet

import (
	"slices"
	"strings"
	"time"
)

// A Client is one connection that has discovery streams: most often an Envoy. One that
// claims to be two nodes on one connection is two clients.
type Client struct {
	// Identity is who it is by its certificate, and Rule are the rules of the access
	// policy that let it in; none without a policy.
	Identity, Rule string
	// NodeID, Group, which is node.cluster, UserAgent and UserAgentVersion are what it
	// says of itself. They are bounded, and may hold any character.
	NodeID, Group               string
	UserAgent, UserAgentVersion string
	// Address is the other end of its connection, as host:port.
	Address string
	// Protocols are services with the variant of the protocol, such as "ads/delta",
	// sorted.
	Protocols []string
	// Connected is when its connection was accepted.
	Connected time.Time
	// CertificateEnd is when its certificate ends.
	CertificateEnd time.Time
	// Root is the fingerprint of the root that its connection stands on, as
	// contour_xds_connections has it, and OnNewestRoot whether that is the one in force
	// that ends last.
	Root         string
	OnNewestRoot bool
	// Types are the types of resources that it is subscribed to, in the order in which
	// a change reaches it.
	Types []Type
}

// A Type is what a client stands at with one type of resources. Where it has several
// streams for one, as without ADS, it is what the one in the worst state stands at.
type Type struct {
	// URL names the type, and Name is what metrics call it.
	URL, Name string
	State     State
	// Wildcard is whether everything is subscribed; Names is how many resources are by
	// name, on Streams streams.
	Wildcard       bool
	Names, Streams int
	// Sent is the last version that was sent, Acked the last one that was accepted, and
	// Refused the last one that was refused, with Envoy's words as the Reason.
	Sent, Acked, Refused Mark
	Reason               string
}

// A Mark is a version at a time, which is zero where there is none.
type Mark struct {
	Version string
	At      time.Time
}

// A State is how a client's configuration of a type relates to what there is for it.
type State string

// The states, the worst first.
const (
	// Refused: it refused the last response, or may lack what it once refused.
	Refused State = "refused"
	// Stale: there is something newer than what it accepted.
	Stale State = "stale"
	// NotSent: nothing was sent to it yet.
	NotSent State = "not_sent"
	// Synced: it accepted the newest.
	Synced State = "synced"
)

// states are in the order of their badness.
var states = []State{Refused, Stale, NotSent, Synced}

// worse tells whether a state is worse than another.
func (s State) worse(than State) bool { return slices.Index(states, s) < slices.Index(states, than) }

// State is the worst of its types'.
func (c *Client) State() State {
	worst := Synced
	for _, t := range c.Types {
		if t.State.worse(worst) {
			worst = t.State
		}
	}
	return worst
}

// Bounds of what a client says of itself, in bytes.
const (
	maxNodeID = 256
	maxGroup  = 128
)

func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
