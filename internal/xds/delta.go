package xds

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wildcardName subscribes to all resources of a type.
const wildcardName = "*"

func byName(a, b *resource) int { return cmp.Compare(a.name, b.name) }

// delta is the incremental variant of the protocol (xDS protocol, "Incremental
// xDS").
type delta struct{}

// receive implements [variant].
func (delta) receive(stream grpc.ServerStream) (*deltaRequest, error) {
	req := new(deltaRequest)
	return req, stream.RecvMsg(req)
}

// take brings a request into a watch. now is the state in force.
func (delta) take(w *watch, req *deltaRequest, now *typeState, legacy bool) error {
	defer req.release()
	first := !w.started
	w.started = true
	for _, name := range req.GetResourceNamesSubscribe() {
		w.answer = true
		if name == wildcardName {
			w.everything()
			continue
		}
		if err := w.name(name); err != nil {
			return err
		}
		w.mark(name) // whether it has it or not: it may have dropped it meanwhile
	}
	if first && legacy && len(req.GetResourceNamesSubscribe()) == 0 {
		w.wildcard, w.answer = true, true
	}
	if slices.Contains(req.GetResourceNamesUnsubscribe(), wildcardName) {
		w.wildcard = false
	}
	for _, name := range req.GetResourceNamesUnsubscribe() {
		w.unsubscribe(name)
	}
	w.forget()
	if first {
		return w.reconnect(req.has, now)
	}
	return nil
}

// everything begins a subscription to all resources, each of which the client is to
// be told of. What it has and was not told to drop is not forgotten.
func (w *watch) everything() {
	if w.base != nil {
		for _, r := range w.wanted(w.base.list()) {
			had := *r
			had.version = "" // it is sent again all the same
			w.leaving = append(w.leaving, &had)
		}
	}
	w.wildcard, w.base = true, nil
}

// unsubscribe ends the interest in a name. If the wildcard covers it all the same,
// the client is to be told what has become of it (xDS protocol, "Unsubscribing From
// Resources").
func (w *watch) unsubscribe(name string) {
	if _, ok := w.named[name]; !ok {
		return
	}
	delete(w.named, name)
	w.nameBytes -= len(name)
	delete(w.stale, name)
	if w.wildcard {
		w.mark(name)
		w.answer = true
	}
}

// reconnect takes over what the client has from an earlier stream, be it to
// another process: it is told only what it lacks. What it subscribes to by name it
// is told anyway, and so nobody looks at what it says that it has of that.
func (w *watch) reconnect(has heldList, now *typeState) error {
	w.resumed = len(has) > 0
	if !w.wildcard || len(has) == 0 {
		return nil
	}
	current, gone, err := now.held(has)
	switch {
	case errors.Is(err, errTooManyGone):
		return status.Errorf(codes.ResourceExhausted, "initial_resource_versions: %v", err)
	case err != nil:
		return status.Errorf(codes.InvalidArgument, "initial_resource_versions: %v", err)
	}
	w.base = now
	for i, r := range now.list() {
		if !current[i] {
			w.mark(r.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		w.leaving = append(w.leaving, &resource{name: name})
	}
	w.answer = len(w.stale) > 0
	return nil
}

// due implements [variant].
func (delta) due(w *watch, now *typeState, how extent) *response {
	if w.idle() {
		w.base, w.leaving = now, nil
		return nil
	}
	if w.base == now && !w.answer && len(w.stale) == 0 && (how.keep || len(w.leaving) == 0) {
		return nil
	}
	d, gone := noDiff, []*resource(nil)
	had := w.leaving
	if how.marked {
		w.tellAhead(now, w.stale)
	} else {
		d = now.since(w.base)
		gone = w.settleLeaving(now, d, how.keep)
		had = slices.Concat(had, w.catchUp(now, how.keep))
	}
	resp := newResponse()
	if w.wildcard && len(w.stale) == 0 && len(had) == 0 {
		resp.shared, resp.resources, resp.told = d.deltaFields(), len(d.changed), d.names()
	} else {
		lacking := w.lacking(now, d, had, &gone)
		resp.share(lacking, deltaField)
		resp.tell(lacking)
	}
	if w.stale = nil; !how.marked {
		w.base = now
	}
	if resp.resources == 0 && len(gone) == 0 && !w.answer {
		return nil
	}
	w.answer = false
	resp.version = now.version
	resp.own = appendText(resp.own, deltaVersionField, now.version)
	resp.own = appendText(resp.own, deltaTypeField, now.url)
	for _, r := range gone {
		resp.own = appendText(resp.own, deltaRemovedField, r.name)
		resp.toldBytes += len(r.name)
	}
	if len(gone) > 0 {
		resp.told = slices.Concat(resp.told, namesOf(gone)) // they may be shared
	}
	return resp
}

// lacking are the resources that the client is to be sent. had are some that are
// back before they were taken from it. Names that it is to be told of and that don't
// exist go to gone.
func (w *watch) lacking(now *typeState, d *diff, had []*resource, gone *[]*resource) []*resource {
	var lacking []*resource
	kept := newSet(had)
	for _, r := range d.changed {
		_, marked := w.stale[r.name]
		if !marked && !kept.holds(r) && w.wants(r.name) {
			lacking = append(lacking, r)
		}
	}
	told := make(map[string]struct{}, len(*gone))
	for _, r := range *gone {
		told[r.name] = struct{}{}
	}
	for _, name := range slices.Sorted(maps.Keys(w.stale)) {
		if r := now.get(name); r != nil {
			lacking = append(lacking, r)
			continue
		}
		if _, ok := told[name]; !ok {
			told[name] = struct{}{}
			*gone = append(*gone, &resource{name: name})
		}
	}
	// The client asked, and is told now: it keeps nothing of these names.
	w.leaving = without(w.leaving, told)
	return lacking
}
