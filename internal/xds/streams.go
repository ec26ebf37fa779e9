package xds

import (
	"iter"
	"sync"
	"time"
	"unique"

	"google.golang.org/grpc/peer"
)

// A Stream is what an open discovery stream stands at. It holds no resource, and
// nothing of one but versions. Text that is of the client's own word is bounded, but
// for its node, and may hold anything.
type Stream struct {
	// Peer is whose connection it is, the same AuthInfo for all streams of one. It is
	// shared, and not to be changed.
	Peer *peer.Peer
	// Service is the label of the service, "ads" for the aggregated one, and Protocol
	// that of the variant, "delta" or "sotw".
	Service, Protocol string
	// Opened is since when it is open.
	Opened time.Time
	// NodeID, Group, which is node.cluster, UserAgent and UserAgentVersion are what the
	// client says of itself. They are empty until its first request, which pins them.
	NodeID, Group               string
	UserAgent, UserAgentVersion string
	// Identity and Rule are those of its [Pass].
	Identity, Rule string
	// Types are those that the client has asked for, in the order in which a change
	// reaches it.
	Types []TypeStatus
}

// A TypeStatus is what a stream stands at with one type of resources.
type TypeStatus struct {
	// URL names the type, and Label is what metrics call it.
	URL, Label string
	// Wildcard is whether everything is subscribed, and Names how many are by name.
	Wildcard bool
	Names    int
	// Sent is the last response, and Acked the last one that the client accepted, or what
	// it came with from an earlier stream. The version is that of the set that was sent in
	// the state of the world, and that of the whole type over delta.
	Sent, Acked Mark
	// Refused is the last response that the client refused, and Reason what it said of
	// that, without what it repeated of the configuration.
	Refused Mark
	Reason  string
	// Refusing is whether it may lack what it refused still.
	Refusing bool
	// InSync is whether it has accepted the newest that there is for it.
	InSync bool
}

// A Mark is a version at a time, which is zero where there is none.
type Mark struct {
	Version string
	At      time.Time
}

// Streams goes through the open streams, in no order. Each is a copy, made at once and
// consistent in itself, and the next one is made when it is asked for: no stream waits
// while others are looked at, and nobody waits for a client that does not read. Streams
// that open meanwhile are left out, and those that end may be in. It is safe for
// concurrent use.
func (s *Server) Streams() iter.Seq[Stream] {
	return func(yield func(Stream) bool) {
		for _, one := range s.roster.all() {
			if !yield(one.view()) {
				return
			}
		}
	}
}

// A roster is the open streams. It is locked when one opens or ends, and never while
// one sends.
type roster struct {
	mu   sync.Mutex
	open map[viewer]struct{}
}

// A viewer is a session of whichever variant, as others than its goroutine may call it.
type viewer interface {
	view() Stream
	expelIfOverdue()
}

func (r *roster) add(v viewer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[viewer]struct{})
	}
	r.open[v] = struct{}{}
}

func (r *roster) remove(v viewer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if delete(r.open, v); len(r.open) == 0 {
		r.open = nil // a map keeps the size that it once had
	}
}

func (r *roster) all() []viewer {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]viewer, 0, len(r.open))
	for v := range r.open {
		all = append(all, v)
	}
	return all
}

// view implements [viewer].
func (s *session[Req]) view() Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := Stream{
		Peer: s.admitted.client, Service: s.method.service, Protocol: s.method.protocol, Opened: s.opened.time(),
		Identity: s.admitted.pass.Identity, Rule: s.admitted.pass.Rule,
	}
	if s.watches == nil {
		return v
	}
	agent := s.node.agent.Value()
	v.NodeID, v.Group, v.UserAgent, v.UserAgentVersion = s.node.id, s.node.group, agent.name, agent.version
	newest := s.core.of(s.node.group).generation.granted(s.admitted.pass.Secrets)
	for i, w := range s.watches {
		if w != nil {
			v.Types = append(v.Types, w.status(newest.types[i]))
		}
	}
	return v
}

// status is what the watch stands at, when newest is what there is for its client.
func (w *watch) status(newest *typeState) TypeStatus {
	t := TypeStatus{
		URL: newest.url, Label: w.counts.label, Wildcard: w.wildcard, Names: len(w.named),
		Sent: w.sent.export(), Acked: w.acked.export(), Refusing: w.refusing || len(w.refused) > 0,
	}
	if w.refusal != nil {
		t.Refused, t.Reason = w.refusal.export(), w.refusal.words.Value()
	}
	// What is leaving is no lack: the client has it for as long as it is meant to.
	t.InSync = !t.Refusing && w.base == newest && !w.outstanding() && !w.answer && len(w.stale)+len(w.ahead) == 0
	return t
}

// An instant is a time in 8 bytes, of which each stream has some: Unix time in
// nanoseconds.
type instant int64

// never is no time.
const never instant = 0

func instantNow() instant { return instant(time.Now().UnixNano()) }

func (i instant) time() time.Time {
	if i == never {
		return time.Time{}
	}
	return time.Unix(0, int64(i))
}

// A mark is the version of a response at a time.
type mark struct {
	version string
	at      instant
}

func (m mark) export() Mark { return Mark{m.version, m.at.time()} }

// A refusal is a response that was refused. Many clients refuse one thing in the same
// words, which are kept once.
type refusal struct {
	mark
	words unique.Handle[string]
}
