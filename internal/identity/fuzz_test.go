package identity_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/contour-xds/contour/internal/identity"
)

// FuzzPolicy has a policy of any bytes parsed. What parses means what the YAML library
// reads in it and decides as the oracle does, also when it is written anew.
func FuzzPolicy(f *testing.F) {
	for _, seed := range append(examples(f), fleet, "", "rules: []\n", ruled("  status: true\n"), ruled("  nodeID: identity\n"), grouping("*"), listing("spiffe://a/**"),
		"rules:\n- {name: a, identities: &who [edge, spiffe://one/a*b], groups: &in [1, 0x1f, no, '']}\n- {name: b, identities: *who, groups: *in}\n",
		`{"rules": [{"name": "a", "identities": ["*.edge"], "groups": ["a*b*c"], "secrets": ["\u00e9"]}]}`,
		"rules: &a\n- *a\n", "rules:\n- <<: {name: a}\n", "%YAML 1.1\n---\n- ? a\n", "rules: [[[[[[[[",
	) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := identity.ParsePolicy(data)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Errorf("got %v beside %q", p, err)
			}
			return
		}
		var w written
		if err := yaml.Unmarshal(data, &w); err != nil {
			t.Skip("only the parser reads it:", err) // such as a null beside of what is read
		}
		again, err := yaml.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		anew := parse(t, string(again))
		o := newOracle(w)
		for _, c := range claims(w) {
			want := o.ask(c)
			if got := ask(t, p, c); got != want {
				t.Fatalf("%q\ngot  %+v\nwant %+v", c, got, want)
			}
			if got := ask(t, anew, c); got != want {
				t.Fatalf("%q, written anew\ngot  %+v\nwant %+v in\n%s", c, got, want, again)
			}
		}
	})
}

// claims asks for what the policy lists, with several things in the wildcards' places.
func claims(w written) []claim {
	const most = 2000
	var all []claim
	for _, r := range w.Rules {
		for _, pattern := range r.Identities {
			for _, text := range append(filled(strings.ToLower(pattern)), filled(pattern)...) {
				for _, group := range append([]string{"", "other"}, r.Groups...) {
					for _, group := range filled(group) {
						all = append(all, claim{peer(text), group, "x"}, claim{peer(text), group, text})
					}
				}
				if len(all) > most {
					return all
				}
			}
		}
	}
	return append(all, claim{})
}

func filled(pattern string) []string {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}
	}
	var all []string
	for _, filling := range []string{"", "x", "ab", "x/y", "x.y"} {
		deep := strings.NewReplacer("**", "x/"+filling, "*", filling)
		all = append(all, deep.Replace(pattern))
	}
	return all
}

// peer is the names of a certificate for text, none where it is no name.
func peer(text string) []string {
	id := of(nil, text)
	if uri, err := parseQuietly(text); err == nil {
		id = of(uri)
	}
	if !id.Known() {
		return nil
	}
	return []string{id.String()}
}

// examples are the policies of the reference.
func examples(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "access-policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, part := range strings.Split(string(page), "```") {
		if text, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			all = append(all, text)
		}
	}
	return all
}

func TestTheExamplesOfTheReferenceParse(t *testing.T) {
	all := examples(t)
	if len(all) < 3 {
		t.Fatalf("there are %d", len(all))
	}
	for _, text := range all {
		parse(t, text)
	}
}

// TestTheTableOfWildcardsIsRight has each row of the reference do what it says.
func TestTheTableOfWildcardsIsRight(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "access-policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]*)`")
	_, table, _ := strings.Cut(string(page), "## Wildcards")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.Contains(cells[4], "`") || strings.Contains(cells[1], "secret") {
			continue
		}
		rows++
		example := code.FindStringSubmatch(cells[4])[1]
		isGroup := strings.Contains(cells[1], "group")
		for i, cell := range cells[5:7] {
			for _, text := range code.FindAllStringSubmatch(cell, -1) {
				written, group, name := listing(example), "edge", text[1]
				if isGroup {
					written, group, name = grouping(example), text[1], "edge"
				}
				p := parse(t, written)
				if _, denial := p.Join(who(t, name), group, ""); (denial == nil) != (i == 0) {
					t.Errorf("%s and %s: got %v", example, text[1], denial)
				}
			}
		}
	}
	if rows != 5 {
		t.Errorf("there are %d rows", rows)
	}
}
