package identity

import (
	"maps"
	"slices"
)

// Rule is what a rule of a policy says of groups and secrets, for who compares it with
// what there is. It decides nothing: [Policy.Join] does.
type Rule struct {
	Name string
	// Groups are those that it lists without a wildcard, and Secrets those that it grants:
	// sorted, each once, and Secrets shared with the policy, so that nobody changes them.
	Groups, Secrets []string
	rule            *rule
}

// Lists reports whether the rule has the group, by a wildcard or without.
func (r Rule) Lists(group string) bool { return r.rule.lists(group) }

// Rules returns the policy's rules in its order.
func (p *Policy) Rules() []Rule {
	all := make([]Rule, len(p.rules))
	for i := range p.rules {
		r := &p.rules[i]
		all[i] = Rule{Name: r.name, Groups: slices.Sorted(maps.Keys(r.groups)), Secrets: r.secrets, rule: r}
	}
	return all
}
