package xds

import (
	"maps"
	"slices"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
)

// sotw is the state-of-the-world variant of the protocol.
type sotw struct{}

// receive implements [variant].
func (sotw) receive(stream grpc.ServerStream) (*discovery.DiscoveryRequest, error) {
	req := new(discovery.DiscoveryRequest)
	return req, stream.RecvMsg(req)
}

// take brings a request into a watch. now is the state in force. A request with
// the nonce of another response than the last one is stale, and passed over: the
// client will answer the last one, too (xDS protocol, "ACK/NACK and resource type
// instance version").
func (sotw) take(w *watch, req *discovery.DiscoveryRequest, now *typeState, legacy bool) error {
	first := !w.started
	if !first && req.GetResponseNonce() != w.nonce {
		return nil
	}
	w.started = true
	names := req.GetResourceNames()
	all := slices.Contains(names, wildcardName)
	// Nothing named means everything, until it once names something.
	w.implicit = len(names) == 0 && (first && legacy || w.implicit)
	if all = all || w.implicit; all && !w.wildcard {
		w.everything()
		w.answer = true
	}
	w.wildcard = all
	if err := w.rename(names); err != nil {
		return err
	}
	w.resumed = first && req.GetVersionInfo() != ""
	if first && all && len(w.named) == 0 && req.GetVersionInfo() == now.version {
		// It has the very set, from an earlier stream.
		w.base, w.answer = now, false
	}
	return nil
}

// rename makes names all that are subscribed by name. Most requests change nothing
// of that.
func (w *watch) rename(names []string) error {
	if w.hasNamed(names) {
		return nil
	}
	before := w.named
	w.named, w.nameBytes = nil, 0
	for _, name := range names {
		if name == wildcardName {
			continue
		}
		if err := w.name(name); err != nil {
			return err
		}
		if _, known := before[name]; !known {
			w.mark(name)
			w.answer = true
		}
	}
	w.forget()
	return nil
}

// hasNamed tells whether names are just those that are subscribed already. One that is
// given twice may not stand for another one that is missing.
func (w *watch) hasNamed(names []string) bool {
	if len(w.named) == 0 {
		return !slices.ContainsFunc(names, func(name string) bool { return name != wildcardName })
	}
	given := make(map[string]struct{}, len(names))
	for _, name := range names {
		if name == wildcardName {
			continue
		}
		if _, ok := w.named[name]; !ok {
			return false
		}
		given[name] = struct{}{}
	}
	return len(given) == len(w.named)
}

// due implements [variant].
func (s sotw) due(w *watch, now *typeState, how extent) *response {
	if w.idle() {
		w.base, w.leaving = now, nil
		return nil
	}
	if w.base == now && !w.answer && len(w.stale) == 0 && (how.keep || len(w.leaving) == 0) {
		return nil
	}
	d, gone := noDiff, []*resource(nil)
	var had []*resource
	if how.marked && !w.wildcard { // under the wildcard the answer is what base says
		defer w.tellAhead(now, w.stale)
	}
	if !how.marked {
		d = now.since(w.base)
		gone = w.settleLeaving(now, d, how.keep)
		had = w.catchUp(now, how.keep)
	}
	known := newSet(had)
	nothing := !slices.ContainsFunc(w.wanted(d.changed), func(r *resource) bool { return !known.holds(r) })
	silent := !w.answer && len(w.stale) == 0 && nothing && (len(gone) == 0 || !isWhole(now.url))
	resp := newResponse()
	if !silent {
		version := s.fill(resp, w, now, d, had, how)
		resp.version = version
		resp.own = appendText(resp.own, sotwVersionField, version)
		resp.own = appendText(resp.own, sotwTypeField, now.url)
	}
	if w.answer, w.stale = false, nil; !how.marked {
		w.base = now
	}
	if silent {
		return nil
	}
	return resp
}

// fill puts resources into a response, and returns the version of their set.
func (s sotw) fill(resp *response, w *watch, now *typeState, d *diff, had []*resource, how extent) string {
	if w.wildcard || isWhole(now.url) {
		if resp.told = d.names(); !w.wildcard || len(w.stale) > 0 {
			resp.told = slices.AppendSeq(namesOf(w.wanted(d.changed)), maps.Keys(w.stale))
			for name := range w.stale {
				resp.toldBytes += len(name)
			}
		}
		return s.whole(w, now, how, resp)
	}
	var gone []*resource // which this variant can't tell
	set := w.lacking(now, d, had, &gone)
	resp.share(set, sotwField)
	resp.tell(set)
	return versionOf(set)
}

// isWhole tells of the types whose responses hold all that the client may have, so
// that it drops what is missing (xDS protocol, "Deleting resources"). Of the others
// it keeps what is missing.
func isWhole(url string) bool {
	return url == resourcev3.ListenerType || url == resourcev3.ClusterType
}

// whole responds with everything that is subscribed.
func (sotw) whole(w *watch, now *typeState, how extent, resp *response) string {
	rest := now // of what was not asked for
	if how.marked {
		rest = w.base
	}
	if !w.wildcard {
		set := w.namedOf(now, rest)
		resp.share(set, sotwField)
		resp.share(w.leaving, sotwField)
		return versionOf(set, w.leaving)
	}
	resp.shared, resp.resources = rest.sotwFields(), rest.len()
	if len(w.leaving) == 0 {
		return rest.version
	}
	resp.share(w.leaving, sotwField)
	return versionOf(rest.list(), w.leaving)
}

// namedOf are the resources that exist among those that are named: those that were
// asked for as they are now, and the others as in rest.
func (w *watch) namedOf(now, rest *typeState) []*resource {
	var set []*resource
	ahead := make(map[string]*resource, len(w.ahead))
	for _, r := range w.ahead {
		ahead[r.name] = r
	}
	for _, name := range slices.Sorted(maps.Keys(w.named)) {
		state := rest
		if _, asked := w.stale[name]; asked {
			state = now
		} else if told := ahead[name]; told != nil {
			if told.version != "" {
				set = append(set, told)
			}
			continue
		}
		if r := state.get(name); r != nil {
			set = append(set, r)
		}
	}
	return set
}
