package xds

import (
	"slices"
	"strings"
	"sync"
)

// A secretState is the secrets that the folder has for a group, and how they are
// given out. Who can ask for every secret can have every key, so that a group is
// served those that its own resources refer to, and no other, whatever a client names:
// for it, the rest does not exist. It is immutable but for what it remembers, and is
// the same from one generation to the next as long as nothing of it changes.
type secretState struct {
	// whole is every secret, and referred the ones that every client of the group gets.
	whole, referred *typeState
	// withheld are the others, sorted by name.
	withheld []*resource

	mu      sync.Mutex            // guards granted
	granted map[string]*typeState // referred and some of withheld, by the version of those
}

// maxGrants bounds how many different grants are remembered: a policy that changes for
// months, while the resources don't, would have all that it ever gave kept.
const maxGrants = 1 << 14

// newSecretState divides the secrets among types, which are of a whole generation. It
// returns that of one of the sources if it is the same.
func newSecretState(types []*typeState, sources []*generation) *secretState {
	whole := types[secretIndex]
	wanted := make(map[string]struct{})
	for _, t := range types {
		for _, name := range t.secrets {
			wanted[name] = struct{}{}
		}
	}
	s := &secretState{whole: whole}
	var referred []*resource
	for _, r := range whole.all {
		if _, ok := wanted[r.name]; ok {
			referred = append(referred, r)
		} else {
			s.withheld = append(s.withheld, r)
		}
	}
	for _, source := range sources {
		if source != nil && source.secrets.whole == whole && slices.Equal(source.secrets.withheld, s.withheld) {
			return source.secrets
		}
	}
	// Also where nothing is withheld: the version of the whole is another hash, by which a
	// client could tell that there is something that it does not get.
	s.referred = &typeState{id: states.Add(1), url: whole.url, version: versionOf(referred), all: referred}
	return s
}

// grant returns the state of clients that get some of what is withheld as well. Clients
// with equal grants share one, and all share what is below it.
func (s *secretState) grant(key string, more []*resource) *typeState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.granted[key]; ok {
		return t
	}
	t := &typeState{
		id: states.Add(1), url: s.whole.url, version: versionOf(s.referred.all, more), all: more, below: s.referred,
	}
	if s.granted == nil || len(s.granted) >= maxGrants {
		s.granted = make(map[string]*typeState)
	}
	s.granted[key] = t
	return t
}

// among returns those of the withheld secrets that names has.
func (s *secretState) among(names []string) []*resource {
	var found []*resource
	for _, name := range names {
		i, ok := slices.BinarySearchFunc(s.withheld, name, func(r *resource, name string) int { return strings.Compare(r.name, name) })
		if ok {
			found = append(found, s.withheld[i])
		}
	}
	return found
}

// granted returns the generation as a client sees it that gets secrets by name, sorted,
// besides those of its group.
func (g *generation) granted(names []string) *generation {
	more := g.secrets.among(names)
	if len(more) == 0 {
		return g
	}
	key := versionOf(more)
	g.mu.Lock()
	defer g.mu.Unlock()
	if view, ok := g.grants[key]; ok {
		return view
	}
	view := &generation{types: slices.Clone(g.types), secrets: g.secrets}
	view.types[secretIndex] = g.secrets.grant(key, more)
	if g.grants == nil || len(g.grants) >= maxGrants {
		g.grants = make(map[string]*generation)
	}
	g.grants[key] = view
	return view
}

// secretsOf are the names of the secrets that resources refer to, each once.
func secretsOf(all []*resource) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.secrets...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compareLayered does as compare does, and looks only at names that can differ: those
// that differ between what is below, and what either state adds to it.
func compareLayered(earlier, later *typeState) *diff {
	if earlier == nil {
		d := newDiff()
		d.changed, d.below, d.added = later.list(), later.below.since(nil), later.all
		return d
	}
	below := belowDiff(earlier, later)
	names := slices.Concat(namesOf(below.changed), namesOf(below.removed), namesOf(earlier.above()), namesOf(later.above()))
	slices.Sort(names)
	d := newDiff()
	for _, name := range slices.Compact(names) {
		had, has := earlier.get(name), later.get(name)
		switch {
		case has == nil && had != nil:
			d.removed = append(d.removed, had)
		case has != nil && (had == nil || had.version != has.version):
			d.changed = append(d.changed, has)
		}
	}
	return d
}

// belowDiff is what differs between what two states stand on. One that stands alone is
// asked for it just now, and so can't remember it.
func belowDiff(earlier, later *typeState) *diff {
	if later.below == nil {
		return compareLists(earlier.ground().all, later.all)
	}
	return later.below.since(earlier.ground())
}

// ground is the state that stands alone, and above is what is added to it.
func (s *typeState) ground() *typeState {
	if s.below == nil {
		return s
	}
	return s.below
}

func (s *typeState) above() []*resource {
	if s.below == nil {
		return nil
	}
	return s.all
}

func (s *typeState) len() int {
	if s.below == nil {
		return len(s.all)
	}
	return len(s.all) + s.below.len()
}
