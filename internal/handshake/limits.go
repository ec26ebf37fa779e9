package handshake

import "runtime"

// Limits bound what strangers can cost. The zero value has the defaults.
type Limits struct {
	// Optional. Pending is how many connections may be on their way through the
	// handshake, and so not authenticated yet; unset means [DefaultPending]. When it is
	// reached, the one that has waited longest for its peer's bytes makes room.
	Pending int
	// Optional. PendingPerSource is the same for one source address, an IPv4 address
	// or the /64 of an IPv6 one; unset means no such limit, since a whole fleet can be
	// behind one address.
	PendingPerSource int
	// Optional. CPUs is how many handshakes may compute at once; unset means one for
	// each CPU that Go uses. The others wait for their turn: those that this server has
	// answered already before those that begin, and else in order of arrival.
	CPUs int
	// Optional. Connections is how many may be through their handshake and open;
	// unset means [DefaultConnections]. What comes beyond is closed.
	Connections int
}

// The defaults of [Limits]. A connection that stalls takes some 15 KB, and up to 50
// if it sends as much as it may first, so that the pending ones are bounded to some
// 200 MB. A fleet of thousands that reconnects at once stays below both.
const (
	DefaultPending     = 4096
	DefaultConnections = 10000
)

func (l Limits) withDefaults() Limits {
	if l.Pending == 0 {
		l.Pending = DefaultPending
	}
	if l.CPUs == 0 {
		l.CPUs = runtime.GOMAXPROCS(0)
	}
	if l.Connections == 0 {
		l.Connections = DefaultConnections
	}
	return l
}

// A refusal is an error by which the door itself, and not TLS, ends a connection.
type refusal struct {
	reason Reason
	words  string
}

func (r *refusal) Error() string { return r.words }

var (
	errShed        = &refusal{Shed, "making room: this one waited longest for its peer's bytes"}
	errSource      = &refusal{SourceLimit, "too many connections of this source address are in their handshake"}
	errConnections = &refusal{ConnectionLimit, "too many connections are open"}
	errOverload    = &refusal{Overload, "no CPU turn came before the deadline"}
	errTooLong     = &refusal{MalformedRecord, "the handshake is longer than any that is meant"}
	errShutdown    = &refusal{Shutdown, "the server is shutting down"}
)
