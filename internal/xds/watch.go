package xds

import (
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A watch is a stream's subscription to one type, and what its client has of it:
// a state, and sparse exceptions to it.
type watch struct {
	counts   *typeCounts
	started  bool
	wildcard bool
	implicit bool // the wildcard came of naming nothing
	// resumed says that the client came with what an earlier stream gave it, and was
	// sent nothing since: it goes on with that until it is.
	resumed bool
	// answer says that the client waits for a response, be it an empty one.
	answer bool
	// refusing says that the last answer was a refusal.
	refusing bool
	named    map[string]struct{} // subscribed by name
	// nameBytes is how long the names are together.
	nameBytes int

	// base is the state that the client has, as far as its subscription goes and but
	// for the exceptions below. nil is a client that has nothing.
	base *typeState
	// stale are names that the client is to be told of whatever base says: ones that it
	// just subscribed to, or has in another version.
	stale map[string]struct{}
	// leaving are resources that are gone, and that the client still has: it may not
	// lose them before it has what no longer refers to them.
	leaving []*resource
	// ahead is what the client was told while base stayed behind, when it asked: a
	// resource without a version is one that does not exist.
	ahead []*resource

	// nonce is that of the last response.
	nonce string
	// pending are responses that were neither accepted nor refused.
	pending []pending
	// refused are names that the client was told of in a response that it refused, be
	// it for another one's sake: it may have none of it, and is told of all of them
	// again with the next change.
	refused map[string]struct{}

	// barred are names that the client may not have any more, though it had them; shared
	// with the [admission].
	barred map[string]struct{}

	// sent is the last response, acked the last one that was accepted, and refusal the
	// last one that was refused, nil for none: for who looks at the stream alone.
	sent, acked mark
	refusal     *refusal
}

// A pending response is one that waits for its answer.
type pending struct {
	nonce   uint64
	version string
	told    []string // the names that it says something of
	bytes   int      // how long those of them are that nobody else has
}

// remember adds a response to those that wait for their answer, and forgets the oldest
// ones where they are too many.
func (w *watch) remember(next pending) {
	bytes, first := next.bytes, len(w.pending)
	for first > 0 && len(w.pending)-first < maxPending-1 && bytes+w.pending[first-1].bytes <= maxToldBytes {
		first--
		bytes += w.pending[first].bytes
	}
	w.pending = append(slices.Delete(w.pending, 0, first), next)
}

// wants tells whether a resource is part of the subscription.
func (w *watch) wants(name string) bool {
	if w.wildcard {
		return true
	}
	_, ok := w.named[name]
	return ok
}

func (w *watch) wanted(all []*resource) []*resource {
	if w.wildcard {
		return all
	}
	var wanted []*resource
	for _, r := range all {
		if w.wants(r.name) {
			wanted = append(wanted, r)
		}
	}
	return wanted
}

// maxNames and maxNameBytes bound the names of one subscription, and how long they are
// together. An Envoy names each endpoint set of its clusters; a client that makes names
// up would grow without end.
const (
	maxNames     = 1 << 17
	maxNameBytes = maxRequestBytes
)

func (w *watch) name(name string) error {
	if w.named == nil {
		w.named = make(map[string]struct{})
	}
	if _, known := w.named[name]; known {
		return nil
	}
	if len(w.named) >= maxNames {
		return status.Errorf(codes.ResourceExhausted, "more than %d names of one type are subscribed", maxNames)
	}
	if w.nameBytes += len(name); w.nameBytes > maxNameBytes {
		return status.Errorf(codes.ResourceExhausted, "names of one type are subscribed that are longer than %d bytes together", maxNameBytes)
	}
	w.named[name] = struct{}{}
	return nil
}

// mark makes a name one that the client is to be told of.
func (w *watch) mark(name string) {
	if w.stale == nil {
		w.stale = make(map[string]struct{})
	}
	w.stale[name] = struct{}{}
}

// tellAgain has the client told of those names that it subscribed to. w may be nil.
func (w *watch) tellAgain(names ...string) {
	if w == nil {
		return
	}
	for _, name := range names {
		if _, subscribed := w.named[name]; subscribed {
			w.mark(name)
			w.answer = true
		}
	}
}

// idle tells whether nothing is subscribed and nobody waits for an answer.
func (w *watch) idle() bool {
	return !w.wildcard && len(w.named) == 0 && !w.answer && len(w.stale) == 0
}

func (w *watch) outstanding() bool { return len(w.pending) > 0 }

// forget drops the exceptions for names that are not subscribed any more.
func (w *watch) forget() {
	for _, names := range []map[string]struct{}{w.stale, w.refused} {
		for name := range names {
			if !w.wants(name) {
				delete(names, name)
			}
		}
	}
}

// refuse notes what the client may have none of.
func (w *watch) refuse(all []pending) {
	for _, p := range all {
		for _, name := range p.told {
			if w.refused == nil {
				w.refused = make(map[string]struct{})
			}
			w.refused[name] = struct{}{}
		}
	}
}

// remedy has what was refused sent again, once there is something to send anyway.
func (w *watch) remedy(now *typeState) {
	if len(w.refused) == 0 {
		return
	}
	d := now.since(w.base)
	if !w.answer && len(w.stale) == 0 && len(w.wanted(d.changed)) == 0 && len(w.wanted(d.removed)) == 0 {
		return
	}
	for name := range w.refused {
		if w.wants(name) {
			w.mark(name)
		}
	}
	w.refused = nil
}

// coming are the resources that the client is to be sent to get to a state.
func (w *watch) coming(now *typeState) []*resource {
	coming := slices.Clone(w.wanted(now.since(w.base).changed))
	for name := range w.stale {
		if r := now.get(name); r != nil {
			coming = append(coming, r)
		}
	}
	return coming
}

// replaces tells whether a state takes or changes something that the client has.
func (w *watch) replaces(now *typeState) bool {
	if w.resumed && len(w.stale) > 0 {
		return true
	}
	d := now.since(w.base)
	return w.base != nil && (len(w.wanted(d.removed)) > 0 ||
		slices.ContainsFunc(w.wanted(d.changed), func(r *resource) bool { return w.base.get(r.name) != nil }))
}

// tellAhead notes that the client is told of stale names as they are in a state that
// it is not brought to yet.
func (w *watch) tellAhead(now *typeState, names map[string]struct{}) {
	w.ahead = without(w.ahead, names)
	for name := range names {
		told := &resource{name: name}
		if r := now.get(name); r != nil {
			told = r
		}
		w.ahead = append(w.ahead, told)
	}
}

func without(all []*resource, names map[string]struct{}) []*resource {
	return slices.DeleteFunc(all, func(r *resource) bool { _, ok := names[r.name]; return ok })
}

// A set is resources by name and version, for when many are looked for among many.
type set map[[2]string]struct{}

func newSet(all []*resource) set {
	if len(all) == 0 {
		return nil
	}
	s := make(set, len(all))
	for _, r := range all {
		s[[2]string{r.name, r.version}] = struct{}{}
	}
	return s
}

// holds tells whether a resource is in the set, in that version.
func (s set) holds(r *resource) bool {
	_, ok := s[[2]string{r.name, r.version}]
	return ok
}

// withdrawn tells whether a name was taken from the client by who decides what it may
// have: that is not kept until nothing refers to it.
func (w *watch) withdrawn(name string) bool {
	_, ok := w.barred[name]
	return ok
}

// catchUp corrects what follows from base by what the client was told ahead, once it
// is brought to a state. It returns what the client has of that state already.
func (w *watch) catchUp(now *typeState, keep bool) (had []*resource) {
	var leaving []*resource
	gone := make(map[string]struct{})
	for _, told := range w.ahead {
		if !w.wants(told.name) {
			continue
		}
		r := now.get(told.name)
		switch {
		case r == nil && told.version == "":
			gone[told.name] = struct{}{}
		case r == nil && keep && !w.withdrawn(told.name):
			gone[told.name] = struct{}{}
			leaving = append(leaving, told)
		case r != nil && r.version == told.version:
			had = append(had, told)
		default:
			w.mark(told.name)
		}
	}
	w.ahead = nil
	w.leaving = append(without(w.leaving, gone), leaving...)
	return had
}

// settleLeaving brings the list of what is leaving to a new state. What changed
// since base is d. Those that may go now are returned.
func (w *watch) settleLeaving(now *typeState, d *diff, keep bool) (gone []*resource) {
	going := slices.Concat(w.leaving, w.wanted(d.removed))
	w.leaving = nil
	for _, r := range going {
		if !w.wants(r.name) || now.get(r.name) != nil {
			continue // it is no concern of the client's any more, or is back
		}
		if keep && !w.withdrawn(r.name) {
			w.leaving = append(w.leaving, r)
		} else {
			gone = append(gone, r)
		}
	}
	slices.SortFunc(w.leaving, byName)
	return gone
}
