package identity

import (
	"slices"
	"strings"
)

// index finds the rules of an identity without a look at those of others: rules are
// given by their place in the policy.
type index struct {
	// exact is by SPIFFE ID and by DNS name, which no text is both of.
	exact map[string][]int
	// wild is by what follows the first label of DNS names.
	wild map[string][]int
	// domains is by trust domain, which no wildcard stands for.
	domains map[string]*branch
}

// branch is where SPIFFE patterns of the same trust domain and the same first segments
// part.
type branch struct {
	// next is by segment.
	next map[string]*branch
	// globs are segments with a wildcard: by what is before the first one, and then by all
	// of it.
	globs map[string]map[string]*branch
	// here are the rules of patterns that end before this branch's segments, and below
	// those of patterns that have ** in their place.
	here, below []int
}

func newIndex() index {
	return index{exact: map[string][]int{}, wild: map[string][]int{}, domains: map[string]*branch{}}
}

// add has the rule match what a pattern, which was found valid, says.
func (x *index) add(pattern string, rule int) {
	id, isSPIFFE := strings.CutPrefix(pattern, spiffeScheme)
	suffix, isWild := strings.CutPrefix(pattern, "*.")
	switch {
	case isWild:
		x.wild[suffix] = append(x.wild[suffix], rule)
	case isSPIFFE && strings.Contains(pattern, "*"):
		domain, path, _ := strings.Cut(id, "/")
		if x.domains[domain] == nil {
			x.domains[domain] = &branch{}
		}
		x.domains[domain].add(path, rule)
	default:
		x.exact[pattern] = append(x.exact[pattern], rule)
	}
}

func (b *branch) add(path string, rule int) {
	segment, rest, more := strings.Cut(path, "/")
	if !more && segment == "**" {
		b.below = append(b.below, rule)
		return
	}
	next := b.grow(segment)
	if !more {
		next.here = append(next.here, rule)
		return
	}
	next.add(rest, rule)
}

// grow returns the branch of a segment, and makes it where there is none.
func (b *branch) grow(segment string) *branch {
	if b.next == nil {
		b.next, b.globs = map[string]*branch{}, map[string]map[string]*branch{}
	}
	from := b.next
	if begin, _, wild := strings.Cut(segment, "*"); wild {
		if b.globs[begin] == nil {
			b.globs[begin] = map[string]*branch{}
		}
		from = b.globs[begin]
	}
	if from[segment] == nil {
		from[segment] = &branch{}
	}
	return from[segment]
}

// rules returns those that match, each once, in the policy's order.
func (x *index) rules(id Identity) []int {
	var found []int
	if rest, ok := strings.CutPrefix(id.spiffe, spiffeScheme); ok {
		found = append(found, x.exact[id.spiffe]...)
		domain, path, _ := strings.Cut(rest, "/")
		if b := x.domains[domain]; b != nil {
			found = b.collect(path, found)
		}
	}
	for name := range strings.SplitSeq(id.names, " ") {
		found = append(found, x.exact[name]...)
		if _, suffix, ok := strings.Cut(name, "."); ok {
			found = append(found, x.wild[suffix]...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// collect visits each branch once at the most, whatever the path.
func (b *branch) collect(path string, found []int) []int {
	found = append(found, b.below...)
	segment, rest, more := strings.Cut(path, "/")
	follow := func(next *branch) {
		if more {
			found = next.collect(rest, found)
		} else {
			found = append(found, next.here...)
		}
	}
	if next := b.next[segment]; next != nil {
		follow(next)
	}
	if len(b.globs) == 0 {
		return found
	}
	for i := range len(segment) + 1 {
		for pattern, next := range b.globs[segment[:i]] {
			if fits(pattern, segment) {
				follow(next)
			}
		}
	}
	return found
}
