package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/identity"
)

// ruled is a policy of one rule that has these lines beside a name, identities and
// groups.
func ruled(lines string) string {
	return "rules:\n- name: edge\n  identities: [edge.example.org]\n  groups: [edge]\n" + lines
}

// listing is a policy whose one rule is for this identity.
func listing(id string) string {
	return fmt.Sprintf("rules:\n- name: edge\n  groups: [edge]\n  identities:\n  - %q\n", id)
}

func grouping(group string) string {
	return fmt.Sprintf("rules:\n- name: edge\n  identities: [edge]\n  groups:\n  - %q\n", group)
}

func TestParsePolicyRefuses(t *testing.T) {
	const ident = `line 5: rule "edge": identities: `
	rows := []struct{ name, text, says string }{
		{"nothing", "", "it holds no rule"},
		{"a comment alone", "# later\n", "it holds no rule"},
		{"an empty document", "---\n...\n", "it holds no rule"},
		{"a text", "edge", "line 1: the policy: it is no mapping"},
		{"another field at the top", "rule: []\n", `line 1: the policy: there is no field "rule"; the fields are rules`},
		{"no rules", "{}\n", "line 1: the policy: it has no field rules"},
		{"an empty list of rules", "rules: []\n", "line 1: rules: the list is empty"},
		{"a mapping of rules", "rules:\n  edge: {}\n", "line 2: rules: it is no list"},
		{"null for rules", "rules:\n", "line 1: rules: it is no list"},
		{"a rule that is a text", "rules:\n- edge\n", "line 2: rule 1: it is no mapping"},
		{"a second document", ruled("---\nrules: []\n"), "line 5: a second YAML document begins"},
		{"no YAML", "rules:\n- name: edge\n  groups: [\n", "not valid YAML: "},
		{"a tab", "rules:\n\t- name: edge\n", "not valid YAML: "},
		{"an unknown anchor", "rules: *edge\n", "not valid YAML: "},
		{"an anchor in itself", "rules: &a\n- *a\n", "rule 1: it is no mapping"},
		{"a field that there is none of", ruled("  group: [web]\n"), `line 5: rule 1: there is no field "group"; the fields are name, identities, groups, nodeID, secrets, status`},
		{"a field in other letters", ruled("  nodeId: any\n"), `line 5: rule 1: there is no field "nodeId"`},
		{"a merge key", ruled("  <<: {status: true}\n"), `line 5: rule 1: there is no field "<<"`},
		{"a list for a field's name", ruled("  ? [a]\n  : b\n"), "rule 1: there is no field"},
		{"a field twice", ruled("  groups: [web]\n"), "line 5: rule 1: groups: the field stands there twice"},
		{"no name", "rules:\n- identities: [a]\n  groups: [a]\n", "line 2: rule 1: it has no field name"},
		{"an empty name", "rules:\n- name: \"\"\n  identities: [a]\n  groups: [a]\n", `line 2: rule 1: name: "" is not of 1 to 63 letters`},
		{"null for a name", "rules:\n- name:\n  identities: [a]\n  groups: [a]\n", "line 2: rule 1: name: it is null"},
		{"a name with a space", "rules:\n- name: the edge\n  identities: [a]\n  groups: [a]\n", `line 2: rule 1: name: "the edge" is not of`},
		{"a name of 64 letters", "rules:\n- name: " + strings.Repeat("x", 64) + "\n  identities: [a]\n  groups: [a]\n", "is not of 1 to 63"},
		{"a name twice", ruled("- name: edge\n  identities: [b]\n  groups: [b]\n"), `line 5: rule "edge": name: the rule in line 2 has it already`},
		{"no identities", "rules:\n- name: edge\n  groups: [edge]\n", `line 2: rule "edge": it has no field identities`},
		{"an empty list of identities", "rules:\n- name: edge\n  identities: []\n  groups: [edge]\n", `line 3: rule "edge": identities: the list is empty`},
		{"one identity without a list", "rules:\n- name: edge\n  identities: edge\n  groups: [edge]\n", `line 3: rule "edge": identities: it is no list`},
		{"null for an identity", "rules:\n- name: edge\n  identities: [~]\n  groups: [edge]\n", `identities: it is null; write a text, in quotes if it is to be "~"`},
		{"an identity with a tag", "rules:\n- name: edge\n  identities: [!!binary ZWRnZQ==]\n  groups: [edge]\n", "identities: it has a YAML tag"},
		{"a mapping for an identity", "rules:\n- name: edge\n  identities: [{a: b}]\n  groups: [edge]\n", "identities: it is no text"},
		{"neither groups nor status", "rules:\n- name: edge\n  identities: [edge]\n", `line 2: rule "edge": it has neither groups nor status: true`},
		{"status: false and no groups", "rules:\n- name: edge\n  identities: [edge]\n  status: false\n", "it has neither groups nor status: true"},
		{"an empty list of groups", "rules:\n- name: edge\n  identities: [edge]\n  groups: []\n  status: true\n", `line 4: rule "edge": groups: the list is empty`},
		{"an unquoted empty group", "rules:\n- name: edge\n  identities: [edge]\n  groups:\n  -\n", `groups: it is null; write a text, in quotes if it is to be ""`},
		{"secrets without groups", "rules:\n- name: edge\n  identities: [edge]\n  status: true\n  secrets: [a]\n", `line 5: rule "edge": secrets: it does nothing in a rule without groups`},
		{"nodeID without groups", "rules:\n- name: edge\n  identities: [edge]\n  status: true\n  nodeID: any\n", `line 5: rule "edge": nodeID: it does nothing in a rule without groups`},
		{"another nodeID", ruled("  nodeID: name\n"), `line 5: rule "edge": nodeID: it is "name"; write any or identity`},
		{"a list for nodeID", ruled("  nodeID: [any]\n"), `nodeID: it is ""; write any or identity`},
		{"another status", ruled("  status: yes\n"), `line 5: rule "edge": status: it is "yes"; write false or true`},
		{"an empty secret", ruled("  secrets: [\"\"]\n"), `secrets: "" is empty`},
		{"a wildcard for secrets", ruled("  secrets: [\"static-*\"]\n"), `line 5: rule "edge": secrets: "static-*" has a wildcard, which secrets do not take`},
		{"a secret that can't be seen", ruled("  secrets: [\"a\\nb\"]\n"), "has a character that can't be seen"},

		{"an empty identity", listing(""), ident + `"" is neither a SPIFFE ID nor a DNS name`},
		{"an identity that is a path", listing("/ns/edge"), "is neither a SPIFFE ID nor a DNS name"},
		{"an identity of another scheme", listing("https://example.org/edge"), "is neither a SPIFFE ID nor a DNS name"},
		{"an address", listing("::1"), "is neither a SPIFFE ID nor a DNS name"},
		{"a DNS name with a dot at its end", listing("edge.example.org."), "is neither a SPIFFE ID nor a DNS name"},
		{"everybody", listing("*"), ident + `"*" has a wildcard that is not the whole first label`},
		{"a wildcard for a part of a label", listing("edge-*.example.org"), "has a wildcard that is not the whole first label"},
		{"a wildcard in the midst", listing("edge.*.example.org"), "patterns are no regular expressions"},
		{"two wildcards", listing("*.*.example.org"), "patterns are no regular expressions"},
		{"a wildcard before no label", listing("*."), "is neither a SPIFFE ID nor a DNS name"},
		{"** before a domain", listing("**.example.org"), "has a wildcard that is not the whole first label"},
		{"any trust domain", listing("spiffe://*/edge"), ident + `"spiffe://*/edge" has a wildcard in the trust domain`},
		{"trust domains below one", listing("spiffe://*.example.org/edge"), "has a wildcard in the trust domain"},
		{"a trust domain alone", listing("spiffe://example.org"), "names a trust domain and no workload"},
		{"a trust domain that is too long", listing("spiffe://" + strings.Repeat("x", 256) + "/a"), "longer than 255 bytes"},
		{"a trust domain in capitals", listing("spiffe://Example.org/a"), "is no SPIFFE ID: trust domain"},
		{"a scheme in capitals", listing("SPIFFE://example.org/a"), "is no SPIFFE ID: "},
		{"a SPIFFE ID without a domain", listing("spiffe:/a"), "is no SPIFFE ID: "},
		{"a path that ends in a slash", listing("spiffe://example.org/edge/"), "is no SPIFFE ID: path cannot have a trailing slash"},
		{"an empty segment", listing("spiffe://example.org//edge"), "is no SPIFFE ID: path cannot contain empty segments"},
		{"a path that leads up", listing("spiffe://example.org/../edge"), "is no SPIFFE ID: path cannot contain dot segments"},
		{"** in the midst", listing("spiffe://example.org/**/envoy"), ident + `"spiffe://example.org/**/envoy" has a ** that is not the last whole segment`},
		{"** behind a part of a segment", listing("spiffe://example.org/edge**"), "has a ** that is not the last whole segment"},
		{"***", listing("spiffe://example.org/***"), "has a ** that is not the last whole segment"},
		{"an identity that is too long", listing("spiffe://example.org/" + strings.Repeat("x", 2048)), "longer than 2048 bytes"},

		{"** for groups", grouping("edge-**"), `line 5: rule "edge": groups: "edge-**" has **, which says no more than *`},
		{"a group that can't be seen", grouping("edge\u200b"), "has a character that can't be seen"},
		{"a group that is too long", grouping(strings.Repeat("x", 2049)), "longer than 2048 bytes"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := identity.ParsePolicy([]byte(row.text))
			if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "%!") {
				t.Errorf("got %v, want %q", err, row.says)
			}
			if err != nil && !strings.Contains(err.Error(), ";") {
				t.Errorf("there is no remedy in %v", err)
			}
		})
	}
}

func TestParsePolicyRefusesRegularExpressions(t *testing.T) {
	for _, sign := range []string{"^", "$", "(", ")", "[", "]", "{", "}", "+", "?", "|", `\`, ".*"} {
		for _, text := range []string{listing("spiffe://example.org/a" + sign), listing("*.example" + sign), grouping("edge" + sign + "x")} {
			_, err := identity.ParsePolicy([]byte(text))
			if err == nil || !strings.Contains(err.Error(), "patterns are no regular expressions; write *") {
				t.Errorf("%q: got %v in\n%s", sign, err, text)
			}
		}
	}
}

func TestParsePolicyTellsOfTenMistakesAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("rules:\n")
	for range 20 {
		b.WriteString("- name: edge\n  identities: [\"*\"]\n  groups: [edge]\n")
	}
	_, err := identity.ParsePolicy([]byte(b.String()))
	if err == nil || strings.Count(err.Error(), "\n") != 9 {
		t.Errorf("got %v", err)
	}
}

func TestParsePolicyIsBounded(t *testing.T) {
	rows := []struct{ name, text, says string }{
		{"bytes", ruled("#" + strings.Repeat("x", identity.MaxPolicyBytes)), "more than 1048576 bytes"},
		{"rules", "rules:\n" + strings.Repeat("- {}\n", 10_001), "more than 10000"},
		{
			"texts, by aliases", "rules:\n- {name: r, identities: [a], groups: &g [" + strings.Repeat("a,", 1000) + "]}\n" + more(100, "- {name: r%d, identities: [a], groups: *g}\n"),
			"more than 100000 identities, groups and secrets",
		},
		{"levels", "rules: " + strings.Repeat("[", 100_000), "not valid YAML"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, err := identity.ParsePolicy([]byte(row.text)); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %q", err, row.says)
			}
		})
	}
}

// more writes a line n times, each with its number.
func more(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

func TestParsePolicyTakes(t *testing.T) {
	rows := []struct{ name, text, group string }{
		{"an alias", "rules:\n- {name: a, identities: &who [edge], groups: &in [edge]}\n- {name: b, identities: *who, groups: *in}\n", "edge"},
		{"JSON", `{"rules": [{"name": "a", "identities": ["edge"], "groups": ["edge"]}]}`, "edge"},
		{"a group that YAML takes for a number, to the letter", "rules:\n- {name: a, identities: [edge], groups: [1.50]}\n", "1.50"},
		{"a group that YAML takes for a boolean", "rules:\n- {name: a, identities: [edge], groups: [no]}\n", "no"},
		{"a group called null", "rules:\n- {name: a, identities: [edge], groups: ['null']}\n", "null"},
		{"the end of a document", "---\nrules:\n- {name: a, identities: [edge], groups: [edge]}\n---\n", "edge"},
		{"a name that is repeated", "rules:\n- {name: a, identities: [edge, edge, EDGE], groups: [edge, edge]}\n", "edge"},
		{"status and groups", ruled("  status: true\n") + "- {name: a, identities: [edge], groups: [edge]}\n", "edge"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, denial := parse(t, row.text).Join(who(t, "edge"), row.group, ""); denial != nil {
				t.Errorf("got %v", denial)
			}
		})
	}
}
