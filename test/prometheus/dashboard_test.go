package prometheus

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// dashboard is what is read of Grafana's model here.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Datasource datasource
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  place
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

type datasource struct{ Type, UID string }

// place is where a panel is on a grid that is 24 columns wide.
type place struct{ X, Y, W, H int }

type target struct {
	Datasource   datasource
	RefID        string
	Expr         string
	LegendFormat string
}

// row is the type of a panel that is a heading.
const row = "row"

// units are those of Grafana that the panels have; it shows a number without one when
// it does not know the name.
var units = []string{"bool", "bytes", "cps", "d", "none", "percentunit", "s", "short"}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) == 0 {
		t.Fatal("the dashboard has no panels")
	}
	return d
}

func TestDashboardAsksThroughItsVariables(t *testing.T) {
	d := readDashboard(t)
	want := datasource{"prometheus", "${datasource}"}
	types := make(map[string]string)
	for _, v := range d.Templating.List {
		types[v.Name] = v.Type
		if v.Type == "query" && v.Datasource != want {
			t.Errorf("the variable %s has the data source %v", v.Name, v.Datasource)
		}
	}
	if types["datasource"] != "datasource" || types["instance"] != "query" {
		t.Errorf("the variables are %v", types)
	}
	for _, p := range d.Panels {
		if p.Type != row && p.Datasource != want {
			t.Errorf("%s has the data source %v", p.Title, p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource != want {
				t.Errorf("%s has a query with the data source %v", p.Title, target.Datasource)
			}
			for _, s := range selectors(target.Expr) {
				if len(s.values["instance"]) != 1 || s.values["instance"][0] != "$instance" {
					t.Errorf("%s asks for %s of other instances than those that are chosen", p.Title, s.metric)
				}
			}
		}
	}
}

func TestDashboardPanelsAreComplete(t *testing.T) {
	ids, titles := make(map[int]string), make(map[string]bool)
	for _, p := range readDashboard(t).Panels {
		if other, taken := ids[p.ID]; taken || p.ID <= 0 {
			t.Errorf("%s has the id %d, as has %q", p.Title, p.ID, other)
		}
		if titles[p.Title] || p.Title == "" {
			t.Errorf("there are two panels %q, or none has that title", p.Title)
		}
		ids[p.ID], titles[p.Title] = p.Title, true
		if p.Type == row {
			continue
		}
		unit := p.FieldConfig.Defaults.Unit
		if !strings.HasSuffix(p.Description, ".") || !slices.Contains(units, unit) || len(p.Targets) == 0 {
			t.Errorf("%s has the description %q, the unit %q and %d queries", p.Title, p.Description, unit, len(p.Targets))
		}
		refs := make(map[string]bool)
		for _, target := range p.Targets {
			if refs[target.RefID] || target.RefID == "" {
				t.Errorf("%s has two queries %q, or one without a name", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
	}
}

func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	panels := readDashboard(t).Panels
	for i, p := range panels {
		a := p.GridPos
		if a.W <= 0 || a.H <= 0 || a.X < 0 || a.Y < 0 || a.X+a.W > 24 {
			t.Errorf("%s is off the grid: %+v", p.Title, a)
		}
		for _, other := range panels[:i] {
			b := other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies over %s", p.Title, other.Title)
			}
		}
	}
}

// grafana stands in for the values that Grafana gives its variables. The range is
// that of a test.
var grafana = strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m", "$__range", "1m")

var inLegend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// wantAnswers wants a series for every query, since contour has every series from
// the start, and in it every label that the legend shows. It tries again, since a
// scrape that fails on a busy machine leaves nothing for a moment.
func wantAnswers(t *testing.T, prometheus *server) {
	t.Helper()
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			envoy.Eventually(t, deadline, p.Title+" has an answer to "+target.Expr, func() error {
				return prometheus.answers(target)
			})
		}
	}
}

func (s *server) answers(to target) error {
	series, err := s.query(grafana.Replace(to.Expr))
	if err != nil {
		return err
	}
	if len(series) == 0 {
		return errors.New("there is no series")
	}
	for _, label := range inLegend.FindAllStringSubmatch(to.LegendFormat, -1) {
		if series[0][label[1]] == "" {
			return fmt.Errorf("the label %s of the legend is not in %v", label[1], series[0])
		}
	}
	return nil
}
