package resources

import (
	"strings"
	"testing"
)

const tooMuchRepeated = "repeats too much by aliases"

// TestAliasesOfLargeTextsAreBounded has files that are small, and were gigabytes when
// their aliases were followed.
func TestAliasesOfLargeTextsAreBounded(t *testing.T) {
	large := strings.Repeat("x", 100_000)
	for _, c := range []struct{ name, fields string }{
		{"of a text", `z: {a: &a "` + large + `", l: [` + strings.Repeat("*a, ", 5000) + "]}"},
		{"of a mapping with a large key", `z: {a: &a {"` + large + `": 1}, l: [` + strings.Repeat("*a, ", 5000) + "]}"},
		{"of a text as a key", `z: {a: &a "` + large + `", l: [` + strings.Repeat("{*a : 1}, ", 5000) + "]}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readYAML(t, clusterWith("metadata: {filter_metadata: {"+c.fields+"}}"))
			if !strings.HasPrefix(got, "a.yaml:4: "+tooMuchRepeated) || strings.Contains(got, "\n") {
				t.Errorf("got %.300s", got)
			}
		})
	}
}

// TestAliasesOfALargeFleetAreRead has ten thousand clusters that share their settings.
func TestAliasesOfALargeFleetAreRead(t *testing.T) {
	const shared = "!ignore shared:\n- &checks [{timeout: 1s, interval: 5s, unhealthy_threshold: 3, healthy_threshold: 1, http_health_check: {path: /healthz, expected_statuses: [{start: 200, end: 299}]}}]\n"
	b := newBudget(10_000 * len(clusterOf("c1000", "health_checks: *checks")))
	const nodes = 14
	for range 10_000 * nodes {
		if err := b.repeat(1, len("unhealthy_threshold")); err != nil {
			t.Fatal(err.text)
		}
	}
	if _, got := readYAML(t, shared+resourcesOf(clusterOf("a", "health_checks: *checks"), clusterOf("b", "health_checks: *checks"))); got != "" {
		t.Error(got)
	}
}

func TestNodesAreBounded(t *testing.T) {
	const want = "holds more than 4194304 values: put the resources into several files"
	parsers := map[string]func([]byte, *budget) (*node, *problem){"YAML": parseYAML, "JSON": parseJSON}
	for name, parse := range parsers {
		for _, c := range []struct {
			name, content string
			nodes         int
			fits          bool
		}{
			{"as many as may be", "[1, 1, 1,\n1, 1]", 6, true},
			{"one more", "[1, 1,\n1, 1, 1, 1]", 6, false},
		} {
			t.Run(c.name+" in "+name, func(t *testing.T) {
				_, err := parse([]byte(c.content), &budget{nodes: c.nodes, separators: 100})
				if (err == nil) != c.fits || err != nil && (err.text != want || err.line != 2) {
					t.Errorf("got %+v", err)
				}
			})
		}
	}
}

// TestYAMLIsBoundedBeforeItIsRead has texts that are no YAML, which the library would
// say of them.
func TestYAMLIsBoundedBeforeItIsRead(t *testing.T) {
	for _, c := range []struct {
		content string
		refused bool
	}{
		{"[[], []]]", true}, {"{a: 1, b: 2}}", true}, {"- - - -]", true}, {"a:\nb:\n]", true}, {"? ? ? ?]", true}, {"{a, b}}", false},
	} {
		_, err := parseYAML([]byte(c.content), &budget{nodes: 100, separators: 3})
		if err == nil || strings.HasPrefix(err.text, "is too large for YAML") != c.refused {
			t.Errorf("%q: got %+v", c.content, err)
		}
	}
}
