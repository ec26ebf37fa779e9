package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
)

// TestTheNameThatIsDemandedOfAContour has servers of the folder that bear contour,
// localhost and 127.0.0.1.
func TestTheNameThatIsDemandedOfAContour(t *testing.T) {
	folder, err := certgen.MakeFolder(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(folder)
	if _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, false); err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]string{"a": {"DNS:contour", "DNS:localhost", "IP:127.0.0.1"}, "b": {"DNS:contour-2.example"}, "c": {"DNS:envoy"}} {
		names, err := certgen.ParseNames(list)
		usage := certgen.ServerAuth
		if name == "c" {
			usage = certgen.ClientAuth
		}
		if err == nil {
			_, err = folder.Issue(name, certgen.Leaf{Usage: usage, Names: names}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	plan, err := folder.Rollover()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, given, address, want string }{
		{"the host, where the certificate bears it", "", "localhost:8001", "localhost"},
		{"the address, where the certificate bears it", "", "127.0.0.1:8001", "127.0.0.1"},
		{"the host, where another of the folder's servers bears it", "", "contour-2.example:8001", "contour-2.example"},
		{"the first name, where none bears the host", "", "10.0.0.7:8001", "contour"},
		{"the first name, where a client alone bears the host", "", "envoy:8001", "contour"},
		{"what was given", "contour.example", "localhost:8001", "contour.example"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (recycleConfig{ServerName: row.given}).serverName(row.address, plan.Servers); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestNobodyIsAskedToComeBackTooEarly names an xDS port that nobody listens on, which would
// be the error if it were asked.
func TestNobodyIsAskedToComeBackTooEarly(t *testing.T) {
	for _, row := range []struct {
		name  string
		step  int
		wait  time.Duration
		spoil func(*contourMetrics)
		says  string
	}{
		{"before step 1", certgen.StepBundles, 0, func(*contourMetrics) {}, ""},
		{"before step 2, when all Envoys are on the old CA", certgen.StepLeaves, 0, func(*contourMetrics) {}, ""},
		{"before the files had their time", certgen.StepRetire, time.Hour, func(*contourMetrics) {}, "wait another"},
		{"before a contour has its own new certificate", certgen.StepRetire, 0, func(m *contourMetrics) { m.leafEnd = m.leafEnd.Add(-time.Hour) }, "none of those that step 2 issued"},
		{"before a contour is restarted", certgen.StepRetire, 0, func(m *contourMetrics) { m.restartDue = 1 }, "restart it"},
		{"when all is well", certgen.StepRetire, 0, func(*contourMetrics) {}, "--recycle 127.0.0.1:1: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan := rollover(t, row.step)
			m := contourMetrics{roots: map[string]int{certgen.Fingerprint(plan.Old): 1}, leafEnd: plan.Servers[0].NotAfter}
			if plan.New != nil {
				m.roots[certgen.Fingerprint(plan.New)] = 1
			}
			row.spoil(&m)
			cfg := rotateConfig{
				Servers: []string{metricsListener(t, m.String())}, Wait: row.wait,
				recycle: recycleConfig{Addresses: []string{"127.0.0.1:1"}},
			}
			folder, err := certgen.MakeFolder(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(folder)
			if _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, false); err != nil {
				t.Fatal(err)
			}
			err = cfg.comeBack(t.Context(), folder, plan, io.Discard)
			if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("got %v, want %q", err, row.says)
			}
		})
	}
}

// TestTheThirdStepWaitsForAllClientsOfAllContours has two contours with 3 connections each
// before, and looks at what they have in the end.
func TestTheThirdStepWaitsForAllClientsOfAllContours(t *testing.T) {
	for _, row := range []struct {
		name                           string
		oldOne, newOne, oldTwo, newTwo int
		says                           string
	}{
		{"all are back where they were", 0, 3, 0, 3, ""},
		{"all are back, at the other contour", 0, 0, 0, 6, ""},
		{"more have come", 0, 5, 0, 5, ""},
		{"one of the first is back with its old certificate", 1, 2, 0, 3, "1 connections stand on the old CA"},
		{"one of the second is back with its old certificate", 0, 3, 1, 9, "1 connections stand on the old CA"},
		{"one is not back", 0, 3, 0, 2, "1 connections fewer are open than before"},
		{"nobody is back yet", 0, 0, 0, 0, "6 connections fewer are open than before"},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan := rollover(t, certgen.StepRetire)
			has := func(old, next int) string {
				return metricsListener(t, contourMetrics{roots: map[string]int{certgen.Fingerprint(plan.Old): old, certgen.Fingerprint(plan.New): next}}.String())
			}
			cfg := rotateConfig{Servers: []string{has(row.oldOne, row.newOne), has(row.oldTwo, row.newTwo)}}
			err := cfg.awaitReturn(t.Context(), plan, headcount{all: 6, old: 6}, io.Discard)
			if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("got %v, want %q", err, row.says)
			}
		})
	}
}
