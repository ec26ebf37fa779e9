package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
)

// rollover makes a folder, goes as far as before a step, and returns its plan.
func rollover(t *testing.T, step int) *certgen.Rollover {
	t.Helper()
	folder, err := certgen.MakeFolder(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(folder)
	if _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, false); err != nil {
		t.Fatal(err)
	}
	for name, side := range map[string]certgenSide{serverIdentity: serverSide, clientIdentity: clientSide} {
		names, err := certgen.ParseNames([]string{"DNS:" + name})
		if err == nil {
			_, err = folder.Issue(name, certgen.Leaf{Usage: side.usage, Names: names}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for {
		plan, err := folder.Rollover()
		if err != nil {
			t.Fatal(err)
		}
		if plan.Step == step {
			return plan
		}
		if _, err := folder.Rotate(plan, certgen.AuthorityConfig{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A contourMetrics is what a contour says of itself.
type contourMetrics struct {
	roots      map[string]int
	leafEnd    time.Time
	restartDue int
}

func (m contourMetrics) String() string {
	var b strings.Builder
	b.WriteString("# TYPE contour_xds_connections gauge\n")
	for root, n := range m.roots {
		fmt.Fprintf(&b, "contour_xds_connections{root=%q} %d\n", root, n)
	}
	fmt.Fprintf(&b, "# TYPE contour_credentials_restart_required gauge\ncontour_credentials_restart_required %d\n", m.restartDue)
	fmt.Fprintf(&b, "# TYPE contour_credentials_not_after_timestamp_seconds gauge\n"+
		"contour_credentials_not_after_timestamp_seconds{certificate=\"ca\"} 1\n"+
		"contour_credentials_not_after_timestamp_seconds{certificate=\"leaf\"} %s\n", strconv.FormatFloat(float64(m.leafEnd.Unix()), 'g', -1, 64))
	return b.String()
}

// metricsListener serves a text as contour serves its metrics, and returns its URL.
func metricsListener(t *testing.T, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestAStepWaitsForTheContoursThatItIsToldOf asks one that is ready and one that is
// not, over HTTP.
func TestAStepWaitsForTheContoursThatItIsToldOf(t *testing.T) {
	rows := []struct {
		name  string
		step  int
		spoil func(m *contourMetrics, oldRoot, newRoot string)
		says  string
	}{
		{"step 2 with the new CA in every bundle", 2, func(*contourMetrics, string, string) {}, ""},
		{"step 2 before the new CA is trusted", 2, func(m *contourMetrics, _, newRoot string) { delete(m.roots, newRoot) }, "does not trust the new CA"},
		{"step 2 before a restart that is due", 2, func(m *contourMetrics, _, _ string) { m.restartDue = 1 }, "restart it"},
		{"step 2 by a contour that does not tell", 2, func(m *contourMetrics, _, _ string) { m.roots = nil }, "does not tell its connections by root"},
		{"step 3 with nobody of the old CA", 3, func(*contourMetrics, string, string) {}, ""},
		{"step 3 where the old CA is out already", 3, func(m *contourMetrics, oldRoot, _ string) { delete(m.roots, oldRoot) }, ""},
		{"step 3 with an Envoy of the old CA", 3, func(m *contourMetrics, oldRoot, _ string) { m.roots[oldRoot] = 7 }, "it has 7 connections with certificates of the old CA"},
		{"step 3 before contour has its own new certificate", 3, func(m *contourMetrics, _, _ string) { m.leafEnd = m.leafEnd.Add(-time.Hour) }, "none of those that step 2 issued"},
		{"step 3 before a restart that is due", 3, func(m *contourMetrics, _, _ string) { m.restartDue = 1 }, "restart it"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			plan := rollover(t, row.step)
			oldRoot, newRoot := certgen.Fingerprint(plan.Old), certgen.Fingerprint(plan.New)
			ready := func() contourMetrics {
				m := contourMetrics{roots: map[string]int{oldRoot: 0, newRoot: 3}, leafEnd: plan.Servers[0].NotAfter}
				if row.step == certgen.StepLeaves {
					m.roots[oldRoot] = 3
				}
				return m
			}
			spoiled := ready()
			row.spoil(&spoiled, oldRoot, newRoot)
			cfg := rotateConfig{Servers: []string{metricsListener(t, ready().String()), metricsListener(t, spoiled.String())}, Distributed: true}
			err := cfg.ready(t.Context(), plan, time.Now())
			switch {
			case row.says == "" && err != nil:
				t.Error(err)
			case row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says) || !strings.Contains(err.Error(), cfg.Servers[1])):
				t.Errorf("got %v, want an error of %s that says %q", err, cfg.Servers[1], row.says)
			}
		})
	}
}

// TestContoursAnswerForThemselvesAlone holds step 2 to the operator's word, for
// nobody asks the Envoys, and lets step 3 go without it.
func TestContoursAnswerForThemselvesAlone(t *testing.T) {
	for step, want := range map[int]bool{certgen.StepLeaves: false, certgen.StepRetire: true} {
		plan := rollover(t, step)
		m := contourMetrics{roots: map[string]int{certgen.Fingerprint(plan.New): 0}, leafEnd: plan.Servers[0].NotAfter}
		err := rotateConfig{Servers: []string{metricsListener(t, m.String())}}.ready(t.Context(), plan, time.Now())
		if (err == nil) != want {
			t.Errorf("step %d: got %v", step, err)
		}
	}
}

func TestAnAnswerThatIsNoneRefusesTheStep(t *testing.T) {
	plan := rollover(t, certgen.StepRetire)
	for name, row := range map[string]struct{ server, says string }{
		"another page":  {metricsListener(t, "") + "/elsewhere", "404"},
		"no metrics":    {metricsListener(t, "<html>hello</html>"), "reading its metrics"},
		"other metrics": {metricsListener(t, "# TYPE up gauge\nup 1\n"), "name the metrics listener of a contour"},
	} {
		err := rotateConfig{Servers: []string{row.server}, Distributed: true}.ready(t.Context(), plan, time.Now())
		if err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, row.says)
		}
	}
}
