package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/identity"
)

// large is a policy of n rules, each of which has an exact ID, three patterns and a group,
// in 100 groups.
func large(tb testing.TB, n int) *identity.Policy {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "- name: r%d\n  identities: [spiffe://example.org/ns/n%d/sa/envoy, spiffe://example.org/blue/n%d-*/envoy, spiffe://example.org/red/*-n%d/envoy, '*.n%d.example.org']\n  groups: [g%d, 'g%d-*']\n  secrets: [s%d]\n", i, i, i, i, i, i%100, i%100, i)
	}
	return parse(tb, b.String())
}

// BenchmarkJoin measures policies of 1,000 rules and of 10 in turns, and tells how many
// times as long the larger one takes. The worst is a policy whose patterns all begin with
// their wildcard in the same segment, since each is compared with it.
func BenchmarkJoin(b *testing.B) {
	small, big := large(b, 10), large(b, 1000)
	for _, row := range []struct{ name, who, group string }{
		{"exact", "spiffe://example.org/ns/n7/sa/envoy", "g7"},
		{"dns", "a.n7.example.org", "g7"},
		{"pattern", "spiffe://example.org/blue/n7-1/envoy", "g7-x"},
		{"worst", "spiffe://example.org/red/a-n7/envoy", "g7"},
		{"stranger", "spiffe://example.org/ns/other/sa/envoy", "g7"},
	} {
		b.Run(row.name, func(b *testing.B) {
			id := who(b, row.who)
			join := func(p *identity.Policy) time.Duration {
				begin := time.Now()
				for range 1000 {
					_, _ = p.Join(id, row.group, "")
				}
				return time.Since(begin)
			}
			var in10, in1000 time.Duration
			for b.Loop() {
				in10 += join(small)
				in1000 += join(big)
			}
			b.ReportMetric(float64(in1000)/float64(in10), "times_of_10_rules")
			b.ReportMetric(float64(in1000.Nanoseconds())/float64(b.N)/1000, "ns/join_of_1000_rules")
		})
	}
}
