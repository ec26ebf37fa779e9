package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/identity"
)

const fleet = `
rules:
- name: edge
  identities:
  - spiffe://example.org/ns/edge/sa/envoy
  - spiffe://example.org/ns/blue-*/sa/envoy
  - spiffe://example.org/edge/**
  - "*.edge.example.org"
  groups: [edge, "edge-*", ""]
  secrets: [static-b, static-a, static-b]
- name: web
  identities: [Web.example.org, spiffe://example.org/ns/edge/sa/envoy]
  groups: [web, edge]
  nodeID: identity
  secrets: [static-a, web-only]
- name: everything
  identities: [spiffe://example.org/debug]
  groups: ["*"]
- name: operators
  identities: ["spiffe://ops.example.org/**", spiffe://example.org/debug]
  status: true
`

func parse(t testing.TB, text string) *identity.Policy {
	t.Helper()
	p, err := identity.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

func TestJoin(t *testing.T) {
	const envoy = "spiffe://example.org/ns/edge/sa/envoy"
	rows := []struct {
		name, who, group, node string
		rules                  string // those that let it in
		secrets                string
		denial                 identity.Reason
		rule                   string // the one that did not suffice
	}{
		{"an exact ID joins a group that is listed", envoy, "edge-7", "pod-1", "edge", "static-a static-b", "", ""},
		{"rules add up, and the one that demands node.id counts only with it", envoy, "edge", envoy, "edge web", "static-a static-b web-only", "", ""},
		{"without it the other one lets it in alone", envoy, "edge", "pod-1", "edge", "static-a static-b", "", ""},
		{"the empty group where it is listed", envoy, "", "pod-1", "edge", "static-a static-b", "", ""},
		{"a wildcard stands for nothing as well", envoy, "edge-", "", "edge", "static-a static-b", "", ""},
		{"a group of the other rule needs node.id", envoy, "web", "pod-1", "", "", identity.NodeMismatch, "web"},
		{"and joins it with node.id", envoy, "web", envoy, "web", "static-a web-only", "", ""},
		{"an empty node.id is no identity", "web.example.org", "web", "", "", "", identity.NodeMismatch, "web"},
		{"a DNS name is the node.id", "web.example.org other", "web", "web.example.org", "web", "static-a web-only", "", ""},
		{"each DNS name may be the node.id", "web.example.org other", "web", "other", "web", "static-a web-only", "", ""},
		{"but in lower case", "web.example.org", "web", "Web.example.org", "", "", identity.NodeMismatch, "web"},
		{"two DNS names are no node.id", "other web.example.org", "web", "other web.example.org", "", "", identity.NodeMismatch, "web"},
		{"the last segment is no node.id", envoy, "web", "envoy", "", "", identity.NodeMismatch, "web"},
		{"a group that is not listed", envoy, "api", envoy, "", "", identity.GroupForbidden, "edge"},
		{"a group in other letters", envoy, "Edge", envoy, "", "", identity.GroupForbidden, "edge"},
		{"the wildcard for a part of a segment", "spiffe://example.org/ns/blue-9/sa/envoy", "edge", "", "edge", "static-a static-b", "", ""},
		{"it stands for nothing as well", "spiffe://example.org/ns/blue-/sa/envoy", "edge", "", "edge", "static-a static-b", "", ""},
		{"it never reaches over a /", "spiffe://example.org/ns/blue-9/x/sa/envoy", "edge", "", "", "", identity.NoRule, ""},
		{"** stands for one segment", "spiffe://example.org/edge/a", "edge", "", "edge", "static-a static-b", "", ""},
		{"** stands for many segments", "spiffe://example.org/edge/a/b/c", "edge", "", "edge", "static-a static-b", "", ""},
		{"** does not stand for none", "spiffe://example.org/edge", "edge", "", "", "", identity.NoRule, ""},
		{"a pattern is of one trust domain", "spiffe://ops.example.org/edge/a", "edge", "", "", "", identity.GroupForbidden, "operators"},
		{"one label of a DNS name", "a.edge.example.org", "edge", "", "edge", "static-a static-b", "", ""},
		{"not two labels", "b.a.edge.example.org", "edge", "", "", "", identity.NoRule, ""},
		{"nor none", "edge.example.org", "edge", "", "", "", identity.NoRule, ""},
		{"one matching name of several is enough", "zzz a.edge.example.org", "edge", "", "edge", "static-a static-b", "", ""},
		{"* is any group", "spiffe://example.org/debug", "whatever/it (is)", "", "everything", "", "", ""},
		{"but for the empty one", "spiffe://example.org/debug", "", "", "", "", identity.GroupForbidden, "everything"},
		{"a rule for the status lets nobody in", "spiffe://ops.example.org/a", "edge", "", "", "", identity.GroupForbidden, "operators"},
		{"a stranger", "spiffe://example.org/ns/api/sa/envoy", "edge", "", "", "", identity.NoRule, ""},
		{"nobody", "", "edge", "", "", "", identity.NoIdentity, ""},
	}
	p := parse(t, fleet)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			id := who(t, row.who)
			grant, denial := p.Join(id, row.group, row.node)
			if !slices.Equal(grant.Rules, strings.Fields(row.rules)) || !slices.Equal(grant.Secrets, strings.Fields(row.secrets)) {
				t.Errorf("got %+v, want rules %s and secrets %s", grant, row.rules, row.secrets)
			}
			if denial == nil && row.denial != "" || denial != nil && (denial.Reason != row.denial || denial.Rule != row.rule) {
				t.Errorf("got denial %+v, want %q by %q", denial, row.denial, row.rule)
			}
			if known := row.denial != identity.NoIdentity && row.denial != identity.NoRule; p.Knows(id) != known {
				t.Errorf("knows it: %v", !known)
			}
		})
	}
}

func TestWatches(t *testing.T) {
	p := parse(t, fleet)
	for text, want := range map[string]string{
		"spiffe://ops.example.org/a/b":          "operators",
		"spiffe://example.org/debug":            "operators",
		"spiffe://example.org/ns/edge/sa/envoy": "",
		"stranger":                              "",
		"":                                      "",
	} {
		if rule, ok := p.Watches(who(t, text)); rule != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, rule, ok, want)
		}
	}
}

// TestADenialTellsNothingOfThePolicy holds what a client is told to one text for each
// reason, which has no word of the policy or of the claim in it.
func TestADenialTellsNothingOfThePolicy(t *testing.T) {
	told := map[string]bool{}
	for _, reason := range identity.Reasons() {
		var err error = &identity.Denial{Reason: reason, Rule: "edge"}
		var denial *identity.Denial
		if !errors.As(err, &denial) || err.Error() == "" || told[err.Error()] || strings.Contains(err.Error(), "edge") {
			t.Errorf("%s tells %q", reason, err)
		}
		told[err.Error()] = true
	}
	if len(told) != 4 {
		t.Errorf("there are %d texts", len(told))
	}
}

// TestGrantsAreNotMixedUp has two callers append to what they were given.
func TestGrantsAreNotMixedUp(t *testing.T) {
	p := parse(t, fleet)
	id := who(t, "spiffe://example.org/edge/a")
	first, _ := p.Join(id, "edge", "")
	second, _ := p.Join(id, "edge", "")
	mine, theirs := first.Secrets, second.Secrets
	mine = append(mine, "mine")
	theirs = append(theirs, "theirs")
	if mine[2] != "mine" || theirs[2] != "theirs" {
		t.Errorf("got %v and %v", mine, theirs)
	}
}

func TestRules(t *testing.T) {
	rules := parse(t, fleet).Rules()
	var got []string
	for _, r := range rules {
		got = append(got, r.Name+": "+strings.Join(r.Groups, ",")+": "+strings.Join(r.Secrets, ","))
	}
	want := []string{"edge: ,edge: static-a,static-b", "web: edge,web: static-a,web-only", "everything: : ", "operators: : "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if edge := rules[0]; !edge.Lists("edge-7") || !edge.Lists("") || edge.Lists("web") {
		t.Error("a rule lists other groups than it lets join")
	}
}
