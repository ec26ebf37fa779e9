package prometheus

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/contour-xds/contour/internal/handshake"
)

const failures = "contour_xds_tls_handshake_failures_total"

// rule is an alert of contour.rules.yaml.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "contour.rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var rules []rule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("contour.rules.yaml has no rules")
	}
	return rules
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	for _, r := range readRules(t) {
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		got := slices.Sorted(maps.Keys(r.Annotations))
		if diff := cmp.Diff([]string{"description", "runbook", "summary"}, got); diff != "" {
			t.Errorf("the annotations of %s (-want +got):\n%s", r.Alert, diff)
		}
	}
}

// TestEveryReasonHasOneAlert finds a reason that is new and raises no alarm, and one
// that raises two.
func TestEveryReasonHasOneAlert(t *testing.T) {
	alerts := make(map[string][]string)
	for _, r := range readRules(t) {
		for _, s := range selectors(r.Expr) {
			if s.metric == failures {
				for _, reason := range s.values["reason"] {
					if !slices.Contains(alerts[reason], r.Alert) { // which may name it twice
						alerts[reason] = append(alerts[reason], r.Alert)
					}
				}
			}
		}
	}
	for _, e := range handshake.Explanations() {
		want := 1
		if e.Expected {
			want = 0
		}
		if got := alerts[string(e.Reason)]; len(got) != want {
			t.Errorf("reason %s is in the alerts %v; it should be in %d", e.Reason, got, want)
		}
	}
}

// TestEveryAlertIsUnitTested wants a case in which it fires, and one in which it
// does not.
func TestEveryAlertIsUnitTested(t *testing.T) {
	var file struct {
		Tests []struct {
			AlertRuleTests []struct {
				Name   string           `json:"alertname"`
				Alerts []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "contour.rules.test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	fires, quiet := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, a := range test.AlertRuleTests {
			fires[a.Name] = fires[a.Name] || len(a.Alerts) > 0
			quiet[a.Name] = quiet[a.Name] || len(a.Alerts) == 0
		}
	}
	for _, r := range readRules(t) {
		if !fires[r.Alert] || !quiet[r.Alert] {
			t.Errorf("%s: a test in which it fires: %v; in which it does not: %v", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
	}
}

func TestReadmeListsEveryAlert(t *testing.T) {
	var want, got []string
	for _, r := range readRules(t) {
		want = append(want, r.Alert+" "+r.Labels["severity"])
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(read(t, "README.md"), -1) {
		got = append(got, row[1]+" "+row[2])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md's alerts (-rules +README):\n%s", diff)
	}
}

// condition is the only kind of a template's that runbooks have.
var condition = regexp.MustCompile(`\{\{ if .*? \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}`)

// TestEveryRunbookIsThere opens the page and looks for the heading, for every reason
// that the alert selects and for either side of a condition.
func TestEveryRunbookIsThere(t *testing.T) {
	for _, r := range readRules(t) {
		runbook := r.Annotations["runbook"]
		links := []string{condition.ReplaceAllString(runbook, "$1"), condition.ReplaceAllString(runbook, "$2")}
		if strings.Contains(runbook, "$labels.reason") {
			links = nil
			for _, reason := range selectors(r.Expr)[0].values["reason"] {
				links = append(links, strings.ReplaceAll(runbook, "{{ $labels.reason }}", reason))
			}
		}
		for _, link := range links {
			if err := findHeading(link); err != nil {
				t.Errorf("the runbook of %s: %v", r.Alert, err)
			}
		}
	}
}

// findHeading looks for the heading that a link into the repository means, with the
// anchor that GitHub makes of it.
func findHeading(link string) error {
	page, anchor, _ := strings.Cut(link, "#")
	data, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		return err
	}
	notInAnchors := regexp.MustCompile(`[^a-z0-9_ -]`)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(data), -1) {
		if strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-") == anchor {
			return nil
		}
	}
	return fmt.Errorf("%s has no heading of that name", link)
}
