package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/test/envoy"
)

// telling are the levels of Envoy's log at which it says at once why it is refused.
const telling = "connection:debug,config:debug"

func TestARefusedEnvoyShowsWhatItsReasonSays(t *testing.T) {
	t.Parallel()
	showsWhatItsReasonSays(t, envoy.Version)
}

// showsWhatItsReasonSays has an Envoy of that version arrive with each reason, and
// holds both sides to the table: the server counts that reason and no other, and
// Envoy shows what the row of the reason says.
func showsWhatItsReasonSays(t *testing.T, version string) {
	for _, a := range arrivals() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			side := explanation(t, a.reason).Envoy
			if side.Stat == "" || side.Log == "" {
				t.Fatalf("the row of %s does not say what this Envoy shows", a.reason)
			}
			f := newFixture(t)
			f.write("none.yaml", "resources: []")
			c, path := a.arrange(f)
			retryQuickly(t, path)
			e := envoy.Start(t, path, envoy.Options{Version: version, ComponentLogLevel: telling})
			if a.then != nil {
				a.then(c)
			}
			wantOnlyReason(t, c, a.reason)
			attempts := 3
			if a.reason == handshake.Timeout { // which each takes five seconds of
				attempts = 1
			}
			wantEnvoySide(t, e, side, attempts)
			if a.reason != handshake.Shutdown { // after which there is nobody to ask
				wantOnlyReason(t, c, a.reason)
				c.wantMetric(0, "contour_xds_streams", "service", "ads", "protocol", "delta")
			}
			wantNothingServed(t, e)
		})
	}
}

// TestEveryWordAboutEnvoyIsHeldToOne finds rows of which nobody knows whether they
// are true.
func TestEveryWordAboutEnvoyIsHeldToOne(t *testing.T) {
	held := map[handshake.Reason]bool{handshake.BadSignature: true} // by the test below
	for _, a := range arrivals() {
		held[a.reason] = true
	}
	for _, e := range handshake.Explanations() {
		if (e.Envoy.Stat != "" || e.Envoy.Log != "") && !held[e.Reason] {
			t.Errorf("%s is said to show as %+v, and no Envoy arrives with it", e.Reason, e.Envoy)
		}
	}
}

func TestAnEnvoyWithAnotherKeyDoesNotStart(t *testing.T) {
	doesNotStartWithAnotherKey(t, envoy.Version)
}

// doesNotStartWithAnotherKey is why no Envoy arrives with a signature that does not
// fit its certificate.
func doesNotStartWithAnotherKey(t *testing.T, version string) {
	f := newFixture(t)
	f.write("none.yaml", "resources: []")
	certtest.WriteFile(t, f.client.Key, f.ca.Issue(t, certtest.Client()).KeyPEM(t))
	words := explanation(t, handshake.BadSignature).Envoy.Log
	if err := envoy.Validate(t, version, f.bootstrap(f.serve(), f.client)); words == "" || err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("it says %v, want %q", err, words)
	}
}

func TestAServedEnvoyShowsNoRefusal(t *testing.T) {
	showsNoRefusal(t, envoy.Version, "X25519MLKEM768", "X25519MLKEM768")
}

// showsNoRefusal is what the table is measured against: an Envoy that is served
// shows nothing of it. It is counted once, by the group of its key exchange, as
// the metric and Envoy name it.
func showsNoRefusal(t *testing.T, version, group, envoysGroup string) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{Version: version, ComponentLogLevel: telling})
	f.wantAnswer(e, "https", "/", "hello")

	wantOnlySeries(t, c, "contour_xds_tls_key_exchanges_total", "group", group)
	wantOnlySeries(t, c, "contour_xds_tls_versions_total", "version", "TLS 1.3")
	wantOnlySeries(t, c, "contour_xds_tls_handshakes_total", "result", "success")
	if n, err := e.Stat("cluster.contour.ssl.curves." + envoysGroup); err != nil || n != 1 {
		t.Errorf("Envoy counts %d key exchanges by %s, %v", n, envoysGroup, err)
	}
	for _, row := range handshake.Explanations() {
		if row.Envoy.Stat != "" {
			if n, err := e.Stat(row.Envoy.Stat); err != nil || n != 0 {
				t.Errorf("%s, of %s, is %d, %v", row.Envoy.Stat, row.Reason, n, err)
			}
		}
		if row.Envoy.Log != "" && strings.Contains(e.Log(), row.Envoy.Log) {
			t.Errorf("%q, of %s, is in its log", row.Envoy.Log, row.Reason)
		}
	}
}

func explanation(t *testing.T, reason handshake.Reason) handshake.Explanation {
	t.Helper()
	for _, e := range handshake.Explanations() {
		if e.Reason == reason {
			return e
		}
	}
	t.Fatalf("%s is not explained", reason)
	return handshake.Explanation{}
}

// wantOnlyReason waits until a refusal is counted, for that reason and no other.
// It may be counted more than once, since Envoy tries again.
func wantOnlyReason(t *testing.T, c *contour, reason handshake.Reason) {
	t.Helper()
	envoy.Eventually(t, deadline, fmt.Sprintf("the refusal is counted as %s", reason), func() error {
		counted, err := c.above("contour_xds_tls_handshake_failures_total", "reason")
		if err == nil && len(counted) == 0 {
			err = fmt.Errorf("nothing is counted")
		}
		for got := range counted {
			if got != string(reason) {
				t.Fatalf("a refusal is counted as %s, want %s alone", got, reason)
			}
		}
		return err
	})
}

// wantOnlySeries holds a metric to one handshake, which is in one series of it.
func wantOnlySeries(t *testing.T, c *contour, name, label, value string) {
	t.Helper()
	counted, err := c.above(name, label)
	if err != nil {
		t.Fatal(err)
	}
	if len(counted) != 1 || counted[value] != 1 {
		t.Errorf("%s counts %v, want one %s", name, counted, value)
	}
}

// above returns what a metric counts, by its label, without the series that are 0.
func (c *contour) above(name, label string) (map[string]float64, error) {
	all, err := c.server.AllSeries(name)
	counted := make(map[string]float64)
	for _, series := range all {
		if series.Value != 0 {
			counted[series.Labels[label]] = series.Value
		}
	}
	return counted, err
}

// wantEnvoySide waits until Envoy shows what an operator is told to look for, and
// with each attempt: an alert that gets lost on its way would be missing once.
func wantEnvoySide(t *testing.T, e *envoy.Envoy, side handshake.EnvoySide, attempts int) {
	t.Helper()
	envoy.Eventually(t, deadline, side.Stat+" rises with each attempt", func() error {
		stats, err := e.Stats()
		ended := stats["cluster.contour.upstream_cx_destroy"]
		if err == nil && (ended < attempts || stats[side.Stat] != ended) {
			err = fmt.Errorf("it is %d after %d attempts", stats[side.Stat], ended)
		}
		return err
	})
	envoy.Eventually(t, deadline, fmt.Sprintf("Envoy logs %q", side.Log), func() error {
		if !strings.Contains(e.Log(), side.Log) {
			return fmt.Errorf("it does not")
		}
		return nil
	})
}

// wantNothingServed holds Envoy to having got nothing and knowing it. What it
// counts of its handshakes says little: under TLS 1.3 its own side ends before the
// server refuses it.
func wantNothingServed(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	if n, err := e.Stat("cluster_manager.cds.update_failure"); err != nil || n == 0 {
		t.Errorf("Envoy counts %d failed updates, %v", n, err)
	}
	if version, err := e.Text("cluster_manager.cds.version_text"); err == nil {
		t.Errorf("Envoy has clusters, of version %s", version)
	}
}
