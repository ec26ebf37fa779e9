package access

import (
	"fmt"
	"slices"
)

// A cell is one of the matrix.
type cell struct {
	policy, identity int
	group, nodeID    string
	service          service
	delta            bool
	way              int // of ways; behind them, the strange types and methods
}

// cells are the product in any order, but for some that come first; claims is how many
// it takes for each claim to be made once. Of what ends before anything is served, and of the
// services that carry no secrets, a part does.
func (m *matrix) cells() (all []cell, claims int) {
	for p := range policies() {
		for i, who := range identities() {
			for _, group := range []string{"a", "b", "", "elsewhere"} {
				for _, nodeID := range append(who.names(), "another") {
					for _, s := range services() {
						for _, delta := range []bool{false, true} {
							for w := range len(ways()) + 2 {
								if c := (cell{p, i, group, nodeID, s, delta, w}); m.random.IntN(m.rarity(c)) == 0 {
									all = append(all, c)
								}
							}
						}
					}
				}
			}
		}
	}
	m.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return m.eachFirst(all)
}

// eachFirst puts a cell for each claim of each identity under each policy first, and
// then one for each way to ask by each service. It returns how many the former are.
func (m *matrix) eachFirst(all []cell) (ordered []cell, claims int) {
	claim := func(c cell) string {
		if v := m.judge(c); v.refused != "" {
			return fmt.Sprint(c.policy, c.identity)
		}
		return fmt.Sprint(c.policy, c.identity, c.group, slices.Contains(identities()[c.identity].names(), c.nodeID))
	}
	how := func(c cell) string {
		if v := m.judge(c); v.refused+v.denied != "" {
			return ""
		}
		return fmt.Sprint(c.service.label, c.delta, c.way)
	}
	first, rest := oneOfEach(all, claim)
	second, rest := oneOfEach(rest, how)
	return slices.Concat(first, second, rest), len(first)
}

func oneOfEach(all []cell, key func(cell) string) (first, rest []cell) {
	seen := map[string]bool{}
	for _, c := range all {
		if k := key(c); seen[k] {
			rest = append(rest, c)
		} else {
			seen[k] = true
			first = append(first, c)
		}
	}
	return first, rest
}

func (m *matrix) judge(c cell) verdict {
	return judge(m.things, policies()[c.policy], identities()[c.identity], c.group, c.nodeID)
}

// rarity is of how many cells like this one is asked for.
func (m *matrix) rarity(c cell) int {
	v := m.judge(c)
	switch {
	case v.refused != "":
		return 24
	case v.denied != "":
		return 6
	case c.service.label != "ads" && c.service.label != "sds":
		return 4
	}
	return 1
}

func (c cell) String() string {
	how := "another service's type"
	if c.way < len(ways()) {
		how = ways()[c.way].title
	} else if c.way > len(ways()) {
		how = "another service's method"
	}
	return fmt.Sprintf("%s, identity %q, node.cluster %q, node.id %q, %s, delta %v, %s",
		policies()[c.policy].title, identities()[c.identity].title, c.group, c.nodeID, c.service.label, c.delta, how)
}
