package xds

import (
	"slices"
	"time"
)

// orderPatience bounds how long a change is kept back because the client has not
// accepted an earlier one that it builds on.
const orderPatience = 5 * time.Second

// Places in served.
const (
	secretIndex    = 0
	clusterIndex   = 1
	endpointIndex  = 2
	extensionIndex = 3
	listenerIndex  = 4
	routeIndex     = 5
)

// advance brings the client to a generation, as far as it is ready for it.
//
// On the aggregated stream what refers waits until the client has taken over what
// it refers to: clusters with their endpoints, then extensions, listeners and
// routes. An Envoy accepts clusters when they are warm, endpoints included. What is
// gone is taken from the client last, when nothing of it refers there any more
// (xDS protocol, "Eventual consistency considerations": make before break). A
// generation is gone through to its end before the next one is begun, or clusters
// that change faster than the client answers would keep its routes for ever.
func (s *session[Req]) advance(newest *generation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		impatient := s.impatient()
		switch {
		case s.target == nil, impatient:
			s.target = newest
		case s.target != newest && s.reached():
			s.target, s.heldSince = newest, time.Time{} // the client answers in time
		}
		waiting, err := s.pass(newest, impatient)
		switch {
		case err != nil:
			return err
		case waiting && !impatient:
			return nil
		case s.target == newest:
			return s.takeAway()
		}
	}
}

// reached tells whether the client has all of its target.
func (s *session[Req]) reached() bool {
	for i, w := range s.watches {
		if w != nil && w.started && s.ordered(i) && (w.outstanding() || w.base != s.target.types[i]) {
			return false
		}
	}
	return true
}

// pass sends what the client is ready for, and tells whether the rest waits for
// its answer.
func (s *session[Req]) pass(newest *generation, impatient bool) (waiting bool, err error) {
	waiting = s.awaitsClusters()
	held := s.target != newest
	for i, w := range s.watches {
		if w == nil || !w.started {
			continue
		}
		now := newest.types[i]
		if s.ordered(i) {
			now = s.target.types[i]
		}
		wait := waiting && s.waits(i) && !impatient
		if err := s.serve(i, w, now, wait); err != nil {
			return false, err
		}
		held = held || w.base != now || w.answer || len(w.leaving) > 0
		waiting = waiting || s.ordered(i) && w.outstanding()
	}
	if err := s.repeat(newest); err != nil {
		return false, err
	}
	if extensions := s.watches[extensionIndex]; extensions != nil {
		waiting = waiting || s.ordered(extensionIndex) && extensions.outstanding()
	}
	if impatient {
		s.heldSince = time.Time{}
	}
	s.hold(waiting && held)
	return waiting, nil
}

// repeat sends what [session.warm] found to be sent again and whose turn was before.
func (s *session[Req]) repeat(newest *generation) error {
	for _, i := range []int{secretIndex, extensionIndex} {
		w := s.watches[i]
		if w == nil || !w.started || !w.answer || w.resumed {
			continue
		}
		now := newest.types[i]
		if s.ordered(i) {
			now = s.target.types[i]
		}
		if err := s.serve(i, w, now, false); err != nil {
			return err
		}
	}
	return nil
}

// serve sends what is due for one watch. A client's own request is answered at
// once, unless it comes from an earlier stream and goes on with what it has.
func (s *session[Req]) serve(i int, w *watch, now *typeState, wait bool) error {
	switch {
	case wait && w.answer && !w.resumed && w.base != nil:
		return s.push(w, now, extent{marked: true})
	case wait && (w.resumed || !w.answer), w.outstanding() && !w.answer:
		return nil
	}
	w.remedy(now)
	if s.typeURL == "" {
		s.note(i, w, now)
	}
	w.resumed = false
	return s.push(w, now, extent{keep: s.keeps(i)})
}

// note draws conclusions from what is about to be sent.
func (s *session[Req]) note(i int, w *watch, now *typeState) {
	if i >= clusterIndex && i <= listenerIndex && i != endpointIndex {
		s.warm(w, now)
	}
	if i == listenerIndex && w.replaces(now) {
		s.drained = time.Now().Add(s.drainTime)
	}
}

// warm has what is needed by resources that are new or changed sent again behind
// them, though it is as it was: the endpoints of clusters, and secrets. A changed
// cluster is a new one to an Envoy, which waits for its endpoints and does not always
// ask for them (xDS protocol, "Warming"); and so is a secret that it is to ask for by
// another ConfigSource, under a name that it is subscribed to already.
func (s *session[Req]) warm(referring *watch, now *typeState) {
	for _, r := range referring.coming(now) {
		s.watches[endpointIndex].tellAgain(r.endpoints)
		s.watches[secretIndex].tellAgain(r.secrets...)
		s.watches[extensionIndex].tellAgain(r.extensions...)
	}
}

// takeAway takes from the client what is gone, when nothing of its own can refer
// there: not what it asks for, which a client that comes from an earlier stream
// does one after the other, and not a listener that it has replaced and drains.
func (s *session[Req]) takeAway() error {
	leaving := slices.ContainsFunc(s.watches, func(w *watch) bool { return w != nil && len(w.leaving) > 0 })
	if !leaving {
		return nil
	}
	if s.resumed && s.watches[listenerIndex] != nil && s.watches[routeIndex] != nil {
		s.resumed = false
	}
	if time.Now().Before(s.gone()) {
		return nil
	}
	for i, w := range s.watches {
		if w == nil || len(w.leaving) == 0 || w.outstanding() {
			continue
		}
		if err := s.push(w, s.target.types[i], extent{}); err != nil {
			return err
		}
	}
	return nil
}

// gone is when nothing of the client refers to what it is to lose.
func (s *session[Req]) gone() time.Time {
	if s.resumed && s.asked.After(s.drained) {
		return s.asked
	}
	return s.drained
}

// hold notes whether something is kept back.
func (s *session[Req]) hold(something bool) {
	switch {
	case !something:
		s.heldSince = time.Time{}
	case s.heldSince.IsZero():
		s.heldSince = time.Now()
	}
}

func (s *session[Req]) impatient() bool {
	return !s.heldSince.IsZero() && time.Since(s.heldSince) >= orderPatience
}

// patience is when the session has something to do though nothing happens. It
// never comes when there is nothing to wait for.
func (s *session[Req]) patience() <-chan time.Time {
	var at time.Time
	switch {
	case !s.heldSince.IsZero():
		at = s.heldSince.Add(orderPatience)
	case time.Now().Before(s.gone()):
		at = s.gone()
	default:
		return nil
	}
	return time.After(max(0, time.Until(at)))
}

// ordered tells of the types that others refer to, or that refer to others.
func (s *session[Req]) ordered(i int) bool {
	return s.typeURL == "" && i >= clusterIndex && i <= routeIndex
}

// waits tells of those that wait for the ones before. Endpoints don't: a cluster is
// not accepted before it has them.
func (s *session[Req]) waits(i int) bool { return s.ordered(i) && i > endpointIndex }

// keeps tells whether what is gone of a type waits until nothing can refer to it.
// Nothing refers to a listener.
func (s *session[Req]) keeps(i int) bool {
	return s.typeURL == "" && i != listenerIndex &&
		(s.resumed || s.watches[listenerIndex] != nil || s.watches[routeIndex] != nil)
}

// awaitsClusters tells whether an Envoy that comes from an earlier stream has not
// asked for clusters yet, which Envoys do first of all, unless some of those that
// they have are not warm. Its listeners and routes wait for that.
func (s *session[Req]) awaitsClusters() bool {
	return s.typeURL == "" && s.envoy && s.watches[clusterIndex] == nil &&
		slices.ContainsFunc(s.watches, func(w *watch) bool { return w != nil && w.resumed })
}
