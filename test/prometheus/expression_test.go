package prometheus

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selector is a metric of an expression, with the values of labels that it names.
type selector struct {
	metric string
	values map[string][]string
}

var (
	// A string, a clause with labels, a range and an offset are read so that nothing in
	// them is taken for a metric. What is left of the names is a function, if a
	// parenthesis follows, a word of the language, or a metric.
	inExpression = regexp.MustCompile(
		`"[^"]*"|\b(?:by|without|on|ignoring)\s*\([^)]*\)|\[[^]]*\]|\boffset\s+\w+|([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?`)
	inSelector = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"`)
	words      = []string{"and", "or", "unless", "bool", "sum", "min", "max", "count"}
)

// selectors returns the metrics of an expression in its order. It knows as much of
// PromQL as the expressions here have; whether they are PromQL at all is for
// Prometheus to say. A regular expression is a choice between values.
func selectors(expr string) []selector {
	var found []selector
	for _, match := range inExpression.FindAllStringSubmatch(expr, -1) {
		if match[1] == "" || match[2] == "(" || slices.Contains(words, match[1]) {
			continue
		}
		s := selector{metric: match[1], values: make(map[string][]string)}
		for _, m := range inSelector.FindAllStringSubmatch(match[2], -1) {
			s.values[m[1]] = append(s.values[m[1]], strings.Split(m[2], "|")...)
		}
		found = append(found, s)
	}
	return found
}

func TestSelectorsOfAnExpression(t *testing.T) {
	none := map[string][]string{}
	rows := []struct {
		expr string
		want []selector
	}{
		{`up`, []selector{{"up", none}}},
		{`absent(a{x="1", y!="2"}) > 0.8`, []selector{{"a", map[string][]string{"x": {"1"}, "y": {"2"}}}}},
		{`sum by (x) (rate(a{x=~"1|2"}[$__rate_interval]))`, []selector{{"a", map[string][]string{"x": {"1", "2"}}}}},
		{`a / on (job) b and c unless c offset 30m`, []selector{{"a", none}, {"b", none}, {"c", none}, {"c", none}}},
		{`label_replace(a, "limit", "b", "", "") or bytes_total - time() < 30 * 86400`, []selector{{"a", none}, {"bytes_total", none}}},
	}
	for _, row := range rows {
		if diff := cmp.Diff(row.want, selectors(row.expr), cmp.AllowUnexported(selector{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.expr, diff)
		}
	}
}
