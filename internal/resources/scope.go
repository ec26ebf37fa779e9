package resources

import "fmt"

// scope is what belongs together: what stands at the top, or what one group has
// beside that. It is made anew only where a unit of it, or the top, has changed.
type scope struct {
	// group is "" for the top.
	group string
	// top is nil for the top itself.
	top   *scope
	units []*unit
	// complete is false when nobody can know what the scope defines.
	complete bool
	// external are the clusters that need no definition.
	external map[string]bool
	// byID are the scope's own resources, and free what lets some of them name clusters
	// that no file defines.
	byID map[identity]*resource
	free map[identity]freedom
	// found is what is wrong with the units beside each other.
	found Errors
	// checked is true from when the references were checked.
	checked bool
	// snapshot is there from when the whole folder was found good.
	snapshot *Snapshot
}

// define gathers what the units define, of which no two may be the same, nor one the
// same as what stands at the top.
func (s *scope) define() {
	count := 0
	for _, u := range s.units {
		count += len(u.resources)
	}
	s.byID = make(map[identity]*resource, count)
	for _, u := range s.units {
		for _, r := range u.resources {
			earlier := s.find(r.id())
			if earlier == nil {
				s.byID[r.id()] = r
			} else if !s.found.full() {
				s.found = append(s.found, r.findingAt(r.line, "", fmt.Sprintf("is defined twice: the other one stands at %s", earlier.place())))
			}
		}
	}
}

// find returns a resource that the Envoys of the scope get, or nil.
func (s *scope) find(id identity) *resource {
	r := s.byID[id]
	if r == nil && s.top != nil {
		r = s.top.byID[id]
	}
	return r
}

// defined reports whether something may be referred to.
func (s *scope) defined(id identity) bool {
	return s.find(id) != nil || id.message == clusterType && s.external[id.name]
}

// check finds the scope's references to what its Envoys do not get. The groups are
// those that a reference from the top could mean. What is wrong with the top by
// itself is not said again for each group.
func (s *scope) check(groups []*scope) {
	if s.checked || !s.complete || s.top != nil && !s.top.complete {
		return
	}
	s.checked = true
	s.spread()
	for _, u := range s.units {
		for _, ref := range u.all {
			if s.found.full() {
				return
			}
			if !locator(ref.to.name) && !s.defined(ref.to) && !s.freed(ref) {
				s.found = append(s.found, ref.finding(s.missing(ref, groups)))
			}
		}
		s.sourceless(u, s)
	}
	if s.top != nil {
		for _, u := range s.top.units {
			s.sourceless(u, s.top)
		}
	}
}

// sourceless finds references without a source, in a unit of home, to secrets of the
// scope. What home itself defines, it has found by itself.
func (s *scope) sourceless(u *unit, home *scope) {
	for _, ref := range u.static {
		if s.found.full() {
			return
		}
		defines := "a file"
		if home != s {
			defines = "the group " + quoteName(s.group)
		}
		if r := s.find(ref.to); r != nil && (home == s || s.byID[ref.to] != nil) {
			s.found = append(s.found, ref.finding(ref.unasked(defines)))
		}
	}
}

func (s *scope) missing(ref reference, groups []*scope) string {
	if s.top != nil {
		return ref.missing("which no file defines, neither of the group " + quoteName(s.group) + " nor at the top")
	}
	for _, g := range groups {
		if g.byID[ref.to] != nil {
			return ref.misplaced(g.group)
		}
	}
	return ref.missing("which no file defines")
}

// spread lets an extension's freedom reach the listener that the extension is part
// of, and a listener's reach the route configurations that it uses. What stands at the
// top is not freed by a listener of a group, since it is checked for itself.
func (s *scope) spread() {
	s.free = map[identity]freedom{}
	var leading []reference
	for _, u := range s.units {
		for _, r := range u.resources {
			if r.free != 0 {
				s.free[r.id()] |= r.free
			}
		}
		for _, ref := range u.all {
			if ref.to.message == extensionType || ref.to.message == routeType {
				leading = append(leading, ref)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, ref := range leading {
			into, what := ref.to, s.freedom(ref.from.id())
			if ref.to.message == extensionType {
				into, what = ref.from.id(), s.freedom(ref.to)
			}
			if s.free[into]|what != s.free[into] {
				s.free[into] |= what
				changed = true
			}
		}
	}
}

func (s *scope) freedom(id identity) freedom {
	free := s.free[id]
	if s.top != nil {
		free |= s.top.free[id]
	}
	return free
}

// freed reports whether the resource may name a cluster that is not there.
func (s *scope) freed(ref reference) bool {
	switch ref.role {
	case routed:
		return s.free[ref.from.id()]&onDemand != 0
	case tcp:
		return s.free[ref.from.id()]&(onDemand|overruled) != 0
	}
	return false
}
