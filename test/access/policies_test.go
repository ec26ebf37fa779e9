package access

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// An identity is a certificate, and who it is by the reference: the test says so, and
// works nothing out.
type identity struct {
	title string
	dns   []string
	uris  []string
	// spiffe or hosts is who it is; neither is nobody.
	spiffe string
	hosts  []string
	// own is whether it is the server's own.
	own, operator bool
}

const (
	spiffeA = "spiffe://example.org/ns/a/sa/envoy"
	spiffeB = "spiffe://example.org/ns/b/sa/envoy"
	hostA   = "one.a.example.org"
)

func identities() []identity {
	return []identity{
		{title: "SPIFFE, of a", uris: []string{spiffeA}, spiffe: spiffeA},
		{title: "SPIFFE, of b, beside a's DNS name", uris: []string{spiffeB}, dns: []string{hostA}, spiffe: spiffeB},
		{title: "SPIFFE, of nobody known", uris: []string{"spiffe://other.example/ns/a/sa/envoy"}, spiffe: "spiffe://other.example/ns/a/sa/envoy"},
		{title: "a DNS name", dns: []string{hostA}, hosts: []string{hostA}},
		{title: "DNS names, one of them with a wildcard", dns: []string{"Two.B.example.org", "elsewhere.example", "*.a.example.org"}, hosts: []string{"two.b.example.org", "elsewhere.example"}},
		{title: "a DNS name beside a URI of no meaning", dns: []string{hostA}, uris: []string{"https://example.org/ns/b"}, hosts: []string{hostA}},
		{title: "nothing"},
		{title: "a wildcard alone", dns: []string{"*.a.example.org"}},
		{title: "SPIFFE without a path, beside a DNS name", uris: []string{"spiffe://example.org"}, dns: []string{hostA}},
		{title: "two SPIFFE IDs", uris: []string{spiffeA, spiffeB}},
		{title: "an operator", uris: []string{"urn:contour:operator"}, operator: true},
		{title: "an operator with a DNS name", uris: []string{"urn:contour:operator"}, dns: []string{hostA}, hosts: []string{hostA}, operator: true},
		{title: "the server itself", own: true},
	}
}

func (i identity) issue(t *testing.T, ca *certtest.CA, server *certtest.Pair) *certtest.Pair {
	t.Helper()
	if i.own {
		return server
	}
	leaf := certtest.Client()
	leaf.DNSNames, leaf.URIs = i.dns, nil
	for _, text := range i.uris {
		u, err := url.Parse(text)
		must(t, err)
		leaf.URIs = append(leaf.URIs, u)
	}
	return ca.Issue(t, leaf)
}

// names are the texts of who it is.
func (i identity) names() []string {
	if i.spiffe != "" {
		return []string{i.spiffe}
	}
	return i.hosts
}

// A rule is one of an access policy.
type rule struct {
	identities, groups, secrets []string
	named                       bool // nodeID: identity
	status                      bool
}

// A policy is an access policy; no rules at all are none.
type policy struct {
	title string
	rules []rule
}

func policies() []policy {
	return []policy{
		{"no policy", nil},
		{"exact", []rule{
			{identities: []string{spiffeA, hostA}, groups: []string{"a"}},
			{identities: []string{spiffeB, "two.b.example.org"}, groups: []string{"b", ""}},
		}},
		{"patterns", []rule{
			{identities: []string{"spiffe://example.org/ns/*/sa/env*"}, groups: []string{"a*", "else*"}},
			{identities: []string{"spiffe://example.org/ns/b/**"}, groups: []string{"*"}},
			{identities: []string{"*.a.example.org"}, groups: []string{"*a", ""}},
			{identities: []string{"*.example.org", "spiffe://example.org/ns/*"}, groups: []string{"*"}}, // of a label, or a segment, too few
		}},
		{"by node.id", []rule{
			{identities: []string{spiffeA, hostA, "*.b.example.org"}, groups: []string{"a", "b"}, named: true},
			{identities: []string{"elsewhere.example"}, groups: []string{"a"}},
		}},
		{"with secrets by name", []rule{
			{identities: []string{spiffeA}, groups: []string{"a", "elsewhere"}, secrets: []string{"s-a-granted", "s-b-granted", "s-top-loose", "s-none"}},
			{identities: []string{"spiffe://example.org/**", hostA}, groups: []string{"a", "b"}},
			{identities: []string{spiffeB}, groups: []string{"b"}, secrets: []string{"s-common", "s-b-granted"}},
			{identities: []string{"two.b.example.org"}, groups: []string{"a"}, secrets: []string{"s-a-loose"}},
			{identities: []string{"elsewhere.example"}, groups: []string{"a"}, secrets: []string{"s-a-granted"}},
		}},
		{"with rules without groups", []rule{
			{identities: []string{spiffeA, hostA}, status: true},
			{identities: []string{spiffeB}, groups: []string{"b"}, status: true},
		}},
	}
}

// yaml is the policy as a file has it.
func (p policy) yaml() string {
	list := func(texts []string) string {
		quoted := make([]string, len(texts))
		for i, text := range texts {
			quoted[i] = fmt.Sprintf("%q", text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	var b strings.Builder
	b.WriteString("rules:\n")
	for i, r := range p.rules {
		fmt.Fprintf(&b, "- name: rule-%d\n  identities: %s\n", i, list(r.identities))
		if r.groups != nil {
			fmt.Fprintf(&b, "  groups: %s\n", list(r.groups))
		}
		if r.secrets != nil {
			fmt.Fprintf(&b, "  secrets: %s\n", list(r.secrets))
		}
		if r.named {
			b.WriteString("  nodeID: identity\n")
		}
		if r.status {
			b.WriteString("  status: true\n")
		}
	}
	return b.String()
}
