package identity

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// statement is a rule as it is written, its identities in the form that is matched.
type statement struct {
	name                        string
	identities, groups, secrets []string
	named, status               bool
}

// rule is the statement in the form that is asked.
func (s statement) rule() rule {
	r := rule{name: s.name, groups: map[string]bool{}, named: s.named, status: s.status}
	for _, group := range s.groups {
		if strings.Contains(group, "*") {
			r.patterns = append(r.patterns, group)
		} else {
			r.groups[group] = true
		}
	}
	// Clipped, so that a caller who appends to a grant has a copy.
	r.secrets = slices.Clip(slices.Compact(slices.Sorted(slices.Values(s.secrets))))
	return r
}

// The values of the field nodeID.
const (
	nodeIDAny      = "any"
	nodeIDIdentity = "identity"
)

// statements reads the file's only field.
func (r *reader) statements(root *yaml.Node) []statement {
	fields := r.mapping(root, "the policy", "rules")
	list := fields["rules"]
	if list == nil {
		if len(r.found) == 0 {
			r.fail(root, "the policy: it has no field rules; write rules: and a list of rules")
		}
		return nil
	}
	items := r.sequence(list, "rules")
	switch {
	case len(items) == 0 && len(r.found) == 0:
		r.fail(list, "rules: the list is empty, by which nobody could join; write at least one rule")
	case len(items) > maxRules:
		r.fail(list, "rules: there are more than %d; use patterns, and put what is alike into one rule", maxRules)
		return nil
	}
	statements := make([]statement, 0, len(items))
	lines := make(map[string]int, len(items))
	for i, item := range items {
		if r.full() {
			return nil
		}
		s := r.statement(item, i)
		if line, taken := lines[s.name]; taken && s.name != "" {
			r.fail(item, "rule %q: name: the rule in line %d has it already; give each its own", s.name, line)
		}
		lines[s.name] = item.Line
		statements = append(statements, s)
	}
	return statements
}

// statement reads the rule at place i.
func (r *reader) statement(n *yaml.Node, i int) statement {
	where := fmt.Sprintf("rule %d", i+1)
	fields := r.mapping(n, where, "name", "identities", "groups", "nodeID", "secrets", "status")
	if fields == nil {
		return statement{}
	}
	s := statement{name: r.name(n, fields["name"], where)}
	if s.name != "" {
		where = fmt.Sprintf("rule %q", s.name)
	}
	s.identities = r.texts(fields["identities"], where+": identities", checkIdentity)
	s.groups = r.texts(fields["groups"], where+": groups", checkGroup)
	s.secrets = r.texts(fields["secrets"], where+": secrets", checkSecret)
	s.named = r.word(fields["nodeID"], where+": nodeID", nodeIDAny, nodeIDIdentity)
	s.status = r.word(fields["status"], where+": status", "false", "true")
	r.together(n, fields, where, s)
	return s
}

// name returns the name of rule n, or "" when it has none that is valid.
func (r *reader) name(n, field *yaml.Node, where string) string {
	if field == nil {
		r.fail(n, "%s: it has no field name; give it one, for the log", where)
		return ""
	}
	name, ok := r.text(field, where+": name")
	if !ok {
		return ""
	}
	if err := checkName(name); err != nil {
		r.fail(field, "%s: name: %q %w", where, shorten(name), err)
		return ""
	}
	return name
}

// together refuses a rule that lacks a part, or has one that does nothing.
func (r *reader) together(n *yaml.Node, fields map[string]*yaml.Node, where string, s statement) {
	if fields["identities"] == nil {
		r.fail(n, "%s: it has no field identities; list who it is for", where)
	}
	if fields["groups"] != nil {
		return
	}
	if !s.status {
		r.fail(n, "%s: it has neither groups nor status: true, and so allows nothing; list the groups, or take the rule out", where)
	}
	for _, field := range []string{"nodeID", "secrets"} {
		if f := fields[field]; f != nil {
			r.fail(f, "%s: %s: it does nothing in a rule without groups; list the groups, or take it out", where, field)
		}
	}
}
