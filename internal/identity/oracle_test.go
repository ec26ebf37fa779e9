package identity_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/contour-xds/contour/internal/identity"
)

// written is a policy as the YAML library alone reads it.
type written struct {
	Rules []writtenRule `yaml:"rules"`
}

type writtenRule struct {
	Name       string   `yaml:"name"`
	Identities []string `yaml:"identities"`
	Groups     []string `yaml:"groups,omitempty"`
	NodeID     string   `yaml:"nodeID,omitempty"`
	Secrets    []string `yaml:"secrets,omitempty"`
	Status     bool     `yaml:"status,omitempty"`
}

// oracle decides as docs/reference/access-policy.md says, rule by rule and by regular
// expressions, without anything of the package.
type oracle []oracleRule

type oracleRule struct {
	writtenRule
	identities, groups []*regexp.Regexp
}

func newOracle(w written) oracle {
	var o oracle
	for _, rule := range w.Rules {
		r := oracleRule{writtenRule: rule}
		for _, text := range rule.Identities {
			r.identities = append(r.identities, identityExpression(text))
		}
		for _, text := range rule.Groups {
			expression := strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, "(?s:.*)")
			r.groups = append(r.groups, regexp.MustCompile(`\A(?:`+expression+`)\z`))
		}
		o = append(o, r)
	}
	return o
}

func identityExpression(text string) *regexp.Regexp {
	var expression string
	if rest, ok := strings.CutPrefix(text, "spiffe://"); ok {
		rest, deep := strings.CutSuffix(rest, "/**")
		expression = "spiffe://" + strings.ReplaceAll(regexp.QuoteMeta(rest), `\*`, "[^/]*")
		if deep {
			expression += "(/[^/]+)+"
		}
	} else {
		expression = "(?i)" + strings.Replace(regexp.QuoteMeta(text), `\*`, "[a-z0-9_-]+", 1)
	}
	return regexp.MustCompile(`\A(?:` + expression + `)\z`)
}

// claim is one question to a policy. Its texts are the names of the certificate.
type claim struct {
	texts       []string
	group, node string
}

// answer is all that a policy says of a claim.
type answer struct {
	rules, secrets string
	denial         identity.Reason
	by             string
	status         string
	known          bool
}

func (o oracle) ask(c claim) answer {
	var a answer
	secrets := map[string]bool{}
	var rules, misnamed, matching []string
	for _, r := range o {
		if !slices.ContainsFunc(c.texts, func(text string) bool {
			return slices.ContainsFunc(r.identities, func(e *regexp.Regexp) bool { return e.MatchString(text) })
		}) {
			continue
		}
		matching = append(matching, r.Name)
		if r.Status && a.status == "" {
			a.status = r.Name
		}
		listed := slices.Contains(r.Groups, c.group)
		for _, e := range r.groups {
			listed = listed || c.group != "" && e.MatchString(c.group)
		}
		switch {
		case !listed:
		case r.NodeID == "identity" && !slices.Contains(c.texts, c.node):
			misnamed = append(misnamed, r.Name)
		default:
			rules = append(rules, r.Name)
			for _, secret := range r.Secrets {
				secrets[secret] = true
			}
		}
	}
	a.known = len(matching) > 0
	switch {
	case len(rules) > 0:
		a.rules, a.secrets = strings.Join(rules, " "), strings.Join(slices.Sorted(maps.Keys(secrets)), " ")
	case len(c.texts) == 0:
		a.denial = identity.NoIdentity
	case len(matching) == 0:
		a.denial = identity.NoRule
	case len(misnamed) > 0:
		a.denial, a.by = identity.NodeMismatch, misnamed[0]
	default:
		a.denial, a.by = identity.GroupForbidden, matching[0]
	}
	return a
}

// ask puts the claim to the policy itself.
func ask(t testing.TB, p *identity.Policy, c claim) answer {
	t.Helper()
	id := who(t, strings.Join(c.texts, " "))
	grant, denial := p.Join(id, c.group, c.node)
	a := answer{rules: strings.Join(grant.Rules, " "), secrets: strings.Join(grant.Secrets, " "), known: p.Knows(id)}
	a.status, _ = p.Watches(id)
	if denial != nil {
		a.denial, a.by = denial.Reason, denial.Rule
	}
	return a
}

// chance makes policies and claims of a few words, so that they meet.
type chance struct{ *rand.Rand }

func (c chance) of(words ...string) string { return words[c.IntN(len(words))] }

func (c chance) some(most int, one func() string) []string {
	var all []string
	for range 1 + c.IntN(most) {
		all = append(all, one())
	}
	return all
}

func (c chance) segment() string { return c.of("a", "ab", "abc", "a-b", "b", "a.b") }

func (c chance) pattern() string {
	if c.IntN(4) == 0 {
		return c.of("*.", "", "") + c.of("a", "b") + c.of("", ".a", ".b.a", ".B")
	}
	path := c.some(3, func() string { return c.of("a", "ab", "a-b", "*", "a*", "*b", "a*b", "a*b*", "*.b") })
	return "spiffe://" + c.of("one", "two") + "/" + strings.Join(path, "/") + c.of("", "", "/**")
}

func (c chance) rule(i int) writtenRule {
	r := writtenRule{Name: fmt.Sprint("r", i), Identities: c.some(3, c.pattern), Status: c.IntN(3) == 0}
	if r.Status && c.IntN(2) == 0 {
		return r
	}
	r.Groups = c.some(3, func() string { return c.of("", "*", "a", "a*", "*b", "a*b", "ab", "*a*b*", "(") })
	for i, group := range r.Groups {
		r.Groups[i] = strings.ReplaceAll(group, "(", "b")
	}
	r.NodeID = c.of("", "any", "identity")
	if c.IntN(2) == 0 {
		r.Secrets = c.some(3, c.segment)
	}
	return r
}

func (c chance) claim() claim {
	var q claim
	switch c.IntN(8) {
	case 0:
	case 1, 2:
		q.texts = c.some(2, func() string { return c.of("a", "b", "b.a", "a.b.a", "a.b", "b.b.b") })
	default:
		q.texts = []string{"spiffe://" + c.of("one", "two") + "/" + strings.Join(c.some(4, c.segment), "/")}
	}
	q.group = c.of("", "a", "ab", "b", "acb", "a/b", "aab\n", "(b")
	q.node = c.of("", "a", "b", "b.a")
	if len(q.texts) > 0 && c.IntN(2) == 0 {
		q.node = q.texts[0]
	}
	return q
}

// TestPoliciesDecideAsTheOracle compares some 100,000 decisions.
func TestPoliciesDecideAsTheOracle(t *testing.T) {
	reasons := map[identity.Reason]int{}
	for seed := range uint64(1000) {
		c := chance{rand.New(rand.NewPCG(seed, 8))}
		var w written
		for i := range 1 + c.IntN(5) {
			w.Rules = append(w.Rules, c.rule(i))
		}
		text, err := yaml.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		p, o := parse(t, string(text)), newOracle(w)
		for range 100 {
			q := c.claim()
			got, want := ask(t, p, q), o.ask(q)
			if got != want {
				t.Fatalf("seed %d: %q\ngot  %+v\nwant %+v in\n%s", seed, q, got, want, text)
			}
			reasons[got.denial]++
		}
	}
	for _, reason := range append(identity.Reasons(), "") {
		if reasons[reason] < 1000 {
			t.Errorf("%q was decided %d times: the test shows too little", reason, reasons[reason])
		}
	}
}
