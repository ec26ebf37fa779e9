package xds

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/contour-xds/contour/internal/resources"
)

// served are the types of resources, in the order in which a client wants to learn
// of a change: what is referred to comes before what refers.
var served = resources.Types()

// A generation is everything that a group of Envoys is served from one publishing
// to the next. It is immutable but for what it remembers of its own encoding, and
// so shared by all streams of the group, which hold a pointer to it and no copy.
type generation struct {
	types []*typeState // in the order of served
	// secrets are those that the folder has for the group, of which types has what the
	// group's own resources refer to.
	secrets *secretState

	mu     sync.Mutex             // guards grants
	grants map[string]*generation // with more secrets, by the version of those
}

// A typeState is the resources of one type in a generation. One that did not
// change is the same in the next generation, and so is a resource: that they are
// the same pointer is how streams see that there is nothing to do.
type typeState struct {
	url     string
	version string
	all     []*resource // sorted by name

	// below is what this state adds all to; nil for most, which stand alone. A name is
	// in one of both.
	below *typeState

	// secrets are the names of those that any of all refers to, sorted.
	secrets []string

	// fields is all resources as the field of a state-of-the-world response, for
	// whoever gets all of them. It is made when the first one does.
	fields onceBytes

	// places finds a name in all. It is made when the first client comes back.
	places onceIndex

	mu    sync.Mutex // guards diffs
	diffs map[uint64]*diff
	// id names the state among those of this process, so that a diff needs no pointer
	// to the earlier state: through one, each would keep all before it.
	id uint64
}

// states counts them.
var states atomic.Uint64

// onceBytes is encoded by the first who needs it.
type onceBytes struct {
	once  sync.Once
	bytes []byte
}

func (o *onceBytes) get(encode func() []byte) []byte {
	o.once.Do(func() { o.bytes = encode() })
	return o.bytes
}

// onceIndex is made by the first who needs it.
type onceIndex struct {
	once   sync.Once
	places map[string]int
}

func (o *onceIndex) of(all []*resource) map[string]int {
	o.once.Do(func() {
		o.places = make(map[string]int, len(all))
		for i, r := range all {
			o.places[r.name] = i
		}
	})
	return o.places
}

// A resource is one resource, encoded once for all.
type resource struct {
	name, version string
	// delta is the resource as a field of a delta response, and sotw, which is the end
	// of the same bytes, as one of a state-of-the-world response.
	delta, sotw []byte
	// endpoints is the name of the endpoint set of a cluster that has one.
	endpoints string
	// secrets and extensions are the names of those that it has an Envoy ask for.
	secrets, extensions []string
}

// newGeneration takes over what did not change from the generation before, and
// what it has in common with everyone from theirs, so that each resource is encoded
// once however many groups get it. Both may be nil.
func newGeneration(snapshot *resources.Snapshot, sources ...*generation) *generation {
	g := &generation{types: make([]*typeState, len(served))}
	for i, t := range served {
		var states []*typeState
		for _, source := range sources {
			if source != nil {
				states = append(states, source.whole(i))
			}
		}
		g.types[i] = newTypeState(t.URL, snapshot, states)
	}
	g.secrets = newSecretState(g.types, sources)
	g.types[secretIndex] = g.secrets.referred
	return g
}

// whole is all that the folder has of the type at a place, served or not.
func (g *generation) whole(i int) *typeState {
	if i == secretIndex {
		return g.secrets.whole
	}
	return g.types[i]
}

// sameAs tells whether nothing at all changed.
func (g *generation) sameAs(other *generation) bool {
	return g.secrets == other.secrets && slices.Equal(g.types, other.types)
}

// newTypeState returns one of the sources if it is the same, and else takes from
// them what is.
func newTypeState(url string, snapshot *resources.Snapshot, sources []*typeState) *typeState {
	version, current := snapshot.Version(url), snapshot.Resources(url)
	for _, source := range sources {
		if source.version == version {
			return source
		}
	}
	s := &typeState{id: states.Add(1), url: url, version: version, all: make([]*resource, 0, len(current))}
	had := make([]cursor, len(sources))
	for i, source := range sources {
		had[i] = source.list()
	}
	for _, r := range current {
		known := find(had, r)
		if known == nil {
			known = newResource(url, r)
		}
		s.all = append(s.all, known)
	}
	s.secrets = secretsOf(s.all)
	return s
}

// find returns a resource of the same content, or nil.
func find(had []cursor, like *resources.Resource) *resource {
	for i := range had {
		if r := had[i].to(like.Name); r != nil && r.version == like.Version {
			return r
		}
	}
	return nil
}

// A cursor is what is left of a list that is sorted by name, for who looks for one name
// after the other in that order.
type cursor []*resource

// to returns the resource of that name, or nil.
func (c *cursor) to(name string) *resource {
	for len(*c) > 0 && (*c)[0].name < name {
		*c = (*c)[1:]
	}
	if len(*c) > 0 && (*c)[0].name == name {
		return (*c)[0]
	}
	return nil
}

// get returns a resource by name, or nil.
func (s *typeState) get(name string) *resource {
	for ; s != nil; s = s.below {
		i, found := slices.BinarySearchFunc(s.all, name, func(r *resource, name string) int { return strings.Compare(r.name, name) })
		if found {
			return s.all[i]
		}
	}
	return nil
}

// list returns all resources, sorted by name. It is not to be changed.
func (s *typeState) list() []*resource {
	if s.below == nil {
		return s.all
	}
	return slices.SortedFunc(slices.Values(slices.Concat(s.below.list(), s.all)), byName)
}

// errTooManyGone says that a client has more that does not exist than it may name.
var errTooManyGone = fmt.Errorf("more than %d names in it do not exist", maxNames)

// held tells which of all a client has as they are, and which names it has that
// don't exist, which are as many as it may name: they are kept until they are taken
// from it, at a hundred bytes and more for each. Of a name that it gives twice, the
// last one counts.
func (s *typeState) held(has heldList) (current []bool, gone map[string]struct{}, err error) {
	all := s.list()
	current, gone = make([]bool, len(all)), make(map[string]struct{})
	places, tooMany := s.placesOf(all), false
	err = has.each(func(name, version []byte) {
		if i, ok := places[string(name)]; ok {
			current[i] = all[i].version == string(version)
			return
		}
		if _, known := gone[string(name)]; known {
			return
		}
		if tooMany = tooMany || len(gone) == maxNames; !tooMany {
			gone[string(name)] = struct{}{}
		}
	})
	if err == nil && tooMany {
		err = errTooManyGone
	}
	return current, gone, err
}

// placesOf finds a name in the list of all. What stands on another does not remember it,
// since it is as long as all that is below.
func (s *typeState) placesOf(all []*resource) map[string]int {
	if s.below != nil {
		return new(onceIndex).of(all)
	}
	return s.places.of(all)
}

// A diff is what changed between two states of a type. It is made once for all
// streams that stood at the same state before.
type diff struct {
	changed []*resource // that are new or differ
	removed []*resource // as they were

	// below and added are changed in two parts, where it is all of a state that stands on
	// another: what the other has, as others have it, and what is added.
	below *diff
	added []*resource

	fields onceBytes       // changed as a field of a delta response
	names  func() []string // of changed
}

var noDiff = newDiff()

func newDiff() *diff {
	d := &diff{}
	d.names = sync.OnceValue(func() []string { return namesOf(d.changed) })
	return d
}

// maxDiffs bounds how many earlier states one remembers the way from: streams that
// don't lag stand at the same one.
const maxDiffs = 16

// since returns what changed since an earlier state; nil is one without resources.
func (s *typeState) since(earlier *typeState) *diff {
	if earlier == s {
		return noDiff
	}
	from := uint64(0)
	if earlier != nil {
		from = earlier.id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.diffs[from]; ok {
		return d
	}
	d := compare(earlier, s)
	if d.below != nil {
		return d // it is as long as all that is below, and would be remembered by each that stands on it
	}
	if s.diffs == nil || len(s.diffs) >= maxDiffs {
		s.diffs = make(map[uint64]*diff)
	}
	s.diffs[from] = d
	return d
}

// compare returns what differs between two states; earlier may be nil.
func compare(earlier, later *typeState) *diff {
	if later.below != nil || earlier != nil && earlier.below != nil {
		return compareLayered(earlier, later)
	}
	var old []*resource
	if earlier != nil {
		old = earlier.all
	}
	return compareLists(old, later.all)
}

// compareLists walks two sorted lists at once.
func compareLists(old, all []*resource) *diff {
	d := newDiff()
	for _, r := range all {
		for len(old) > 0 && old[0].name < r.name {
			d.removed = append(d.removed, old[0])
			old = old[1:]
		}
		if len(old) > 0 && old[0].name == r.name {
			if old[0].version != r.version {
				d.changed = append(d.changed, r)
			}
			old = old[1:]
			continue
		}
		d.changed = append(d.changed, r)
	}
	d.removed = append(d.removed, old...)
	return d
}
