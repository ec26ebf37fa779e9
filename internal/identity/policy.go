package identity

import "slices"

// Policy is an access policy: rules that say which identities may join which groups,
// which secrets they are given besides, and who may see the fleet. Rules only ever
// allow, so that their order decides nothing. [ParsePolicy] makes one.
type Policy struct {
	rules []rule
	index index
}

// rule is what a rule allows to those who match it. Who does is in the index.
type rule struct {
	name string
	// groups are those that it lists by name, and patterns those with a wildcard.
	groups   map[string]bool
	patterns []string
	// named is whether node.id must be the identity.
	named bool
	// secrets are sorted and unique.
	secrets []string
	status  bool
}

// Grant is what an identity may have in a group that it may join.
type Grant struct {
	// Rules are the names of those that let it in, in the policy's order.
	Rules []string
	// Secrets are the names of those that it is granted besides the ones that the group's
	// resources refer to: sorted, each once, and shared with the policy, so that nobody
	// changes them.
	Secrets []string
}

// Knows reports whether some rule can match the identity, whatever it asks for.
func (p *Policy) Knows(id Identity) bool { return len(p.index.rules(id)) > 0 }

// Join decides whether the identity may join the group that it claims by node.cluster,
// "" for none, under the name that it claims by node.id. If not, it says why. A group
// that does not exist is decided upon like any other one. The denial is nil when the
// identity may join: ask that before it is assigned to an error, which would not be nil.
func (p *Policy) Join(id Identity, group, nodeID string) (Grant, *Denial) {
	if !id.Known() {
		return Grant{}, &Denial{Reason: NoIdentity}
	}
	matching := p.index.rules(id)
	if len(matching) == 0 {
		return Grant{}, &Denial{Reason: NoRule}
	}
	var in, misnamed []*rule
	for _, i := range matching {
		switch r := &p.rules[i]; {
		case !r.lists(group):
		case r.named && !id.bears(nodeID):
			misnamed = append(misnamed, r)
		default:
			in = append(in, r)
		}
	}
	switch {
	case len(in) > 0:
		return Grant{Rules: names(in), Secrets: secrets(in)}, nil
	case len(misnamed) > 0:
		return Grant{}, &Denial{Reason: NodeMismatch, Rule: misnamed[0].name}
	}
	return Grant{}, &Denial{Reason: GroupForbidden, Rule: p.rules[matching[0]].name}
}

// Watches reports whether the identity may see the fleet's status, and the first rule
// that says so.
func (p *Policy) Watches(id Identity) (name string, ok bool) {
	for _, i := range p.index.rules(id) {
		if p.rules[i].status {
			return p.rules[i].name, true
		}
	}
	return "", false
}

// lists reports whether the rule has the group. No wildcard stands for the group "",
// which is that of an Envoy without node.cluster: most often it was forgotten.
func (r *rule) lists(group string) bool {
	return r.groups[group] || group != "" && slices.ContainsFunc(r.patterns, func(p string) bool { return fits(p, group) })
}

func names(rules []*rule) []string {
	all := make([]string, len(rules))
	for i, r := range rules {
		all[i] = r.name
	}
	return all
}

func secrets(rules []*rule) []string {
	if len(rules) == 1 {
		return rules[0].secrets
	}
	var all []string
	for _, r := range rules {
		all = append(all, r.secrets...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
