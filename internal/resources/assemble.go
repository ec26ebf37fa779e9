package resources

import (
	"cmp"
	"slices"
	"time"
)

// assemble makes the state of scopes that are good, the top first.
func assemble(all []*scope, before *Snapshots, now time.Time) *Snapshots {
	next := &Snapshots{groups: map[string]*Snapshot{}, counts: map[string]int{}}
	for _, s := range all {
		s.assemble(before)
		if s.top == nil {
			next.top = s.snapshot
		} else {
			next.groups[s.group] = s.snapshot
		}
		for _, u := range s.units {
			next.warnings = append(next.warnings, u.warned(now)...)
			for _, r := range u.resources {
				next.counts[r.kind.URL]++
				if r.kind.URL == SecretURL {
					next.secrets = append(next.secrets, held{s.group, r})
				}
			}
		}
	}
	return next
}

// assemble gives the scope its snapshot: the very one of before where that holds the
// same. It is called once nothing was found wrong, of the top first.
func (s *scope) assemble(before *Snapshots) {
	if s.snapshot != nil {
		return
	}
	earlier := before.For(s.group)
	own := s.own()
	next := &Snapshot{byURL: make(map[string]*resourceSet, len(served))}
	for _, k := range served {
		resources := own[k.URL]
		if s.top != nil {
			common := s.top.snapshot.byURL[k.URL]
			if len(resources) == 0 {
				next.byURL[k.URL] = common
				continue
			}
			resources = merge(common.resources, resources)
		}
		next.byURL[k.URL] = newSet(resources, earlier.set(k.URL))
	}
	switch {
	case earlier.sameAs(next):
		s.snapshot = earlier
	case s.top != nil && len(s.byID) == 0:
		s.snapshot = s.top.snapshot
	default:
		s.snapshot = next
	}
}

// own returns the scope's own resources by type, sorted by name.
func (s *scope) own() map[string][]*Resource {
	own := map[string][]*Resource{}
	for _, u := range s.units {
		for _, r := range u.resources {
			own[r.kind.URL] = append(own[r.kind.URL], r.served)
		}
	}
	for _, all := range own {
		slices.SortFunc(all, byName)
	}
	return own
}

func byName(a, b *Resource) int { return cmp.Compare(a.Name, b.Name) }

// merge returns the resources of two sorted lists, sorted.
func merge(a, b []*Resource) []*Resource {
	all := make([]*Resource, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byName(a[0], b[0]) < 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}
