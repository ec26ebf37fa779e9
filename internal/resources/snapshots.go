package resources

import (
	"maps"
	"slices"
)

// Snapshots is the state of a folder: what each group of Envoys gets. It is
// immutable, and so safe for concurrent use.
//
// A group whose content is the same in two states of one [Folder] has the same
// *Snapshot in both, so that a comparison of pointers tells which groups a change
// concerns. A group without anything of its own has that of the top.
type Snapshots struct {
	top    *Snapshot
	groups map[string]*Snapshot
	// counts are how many resources there are, by type URL.
	counts   map[string]int
	warnings Errors
	// secrets are those of all groups.
	secrets []held
}

// For returns what the Envoys get whose node.cluster is that name: what stands at the
// top, and in the group's folder beside it. A name without a folder of its own gets
// what stands at the top, as does the name "".
func (s *Snapshots) For(group string) *Snapshot {
	if s == nil {
		return nil
	}
	if own, ok := s.groups[group]; ok {
		return own
	}
	return s.top
}

// Groups returns the names that have a folder of their own, sorted. The caller owns
// the slice.
func (s *Snapshots) Groups() []string { return slices.Sorted(maps.Keys(s.groups)) }

// Count returns how many resources of a type there are in all groups together. One
// that stands at the top counts once.
func (s *Snapshots) Count(typeURL string) int { return s.counts[typeURL] }

// Warnings returns what is served and yet may not be what is meant, such as a
// certificate that has expired or a secret whose name no file has, as of when the folder was read. The caller owns it.
func (s *Snapshots) Warnings() []Finding { return slices.Clone(s.warnings) }

// changed returns the names, that of the top among them as "", whose Envoys get
// something else than before, sorted.
func (s *Snapshots) changed(before *Snapshots) []string {
	var changed []string
	names := map[string]bool{"": true}
	for _, state := range []*Snapshots{before, s} {
		for name := range state.groups {
			names[name] = true
		}
	}
	for name := range names {
		if s.For(name) != before.For(name) {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}
