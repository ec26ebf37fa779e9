package prometheus

import (
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/recycle"
	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// attempts is how often each stranger knocks: more often than the alert puts up
// with, and within the quarter of an hour that it looks back.
const attempts = 10

// TestARealPrometheus lets a served Envoy, health checks and strangers at a contour
// that Prometheus scrapes, and clients that are denied what they ask for at another,
// which has an access policy and a revocation list. Others beside them have the metrics
// of the other providers of credentials. The alerts that are waited for have no time to
// wait before they fire, so that no rule is changed for this test.
func TestARealPrometheus(t *testing.T) {
	ca := certtest.NewCA(t, "channel")
	contour := serve(t, ca, "file")
	guarded := serveGuarded(t, ca)
	prometheus := startPrometheus(t, contour.Metrics, guarded.Metrics, serve(t, ca, "watch").Metrics, serveGenerated(t).Metrics)
	// A rise is seen between two scrapes.
	for _, instance := range []string{contour.Metrics, guarded.Metrics} {
		prometheus.waitFor(`count_over_time(` + failures + `{reason="no_certificate", instance="` + instance + `"}[1m]) > 1`)
	}

	startEnvoy(t, ca, contour)
	prometheus.waitFor(`contour_xds_streams{service="ads", protocol="delta"} == 1`)
	probe(t, contour.XDS)
	prometheus.waitFor(failures + `{reason="probe"} >= ` + fmt.Sprint(attempts))
	knock(t, contour.XDS, ca, nil)
	knock(t, contour.XDS, ca, certtest.NewCA(t, "another").Issue(t, certtest.Client()))
	callAsAnEnvoy(t, contour.XDS, ca)
	guarded.provoke(t)

	t.Run("raises the alerts for refused handshakes and for what was denied, and none for health checks", func(t *testing.T) {
		wantAlerts(t, prometheus)
	})
	t.Run("has every metric and label that rules and dashboard name", func(t *testing.T) {
		wantSeries(t, prometheus)
	})
	t.Run("answers every query of the dashboard", func(t *testing.T) {
		wantAnswers(t, prometheus)
	})
}

func serve(t *testing.T, ca *certtest.CA, provider string) *contourtest.Server {
	t.Helper()
	files := certtest.WriteFiles(t, t.TempDir(), ca, ca.Issue(t, certtest.Server()))
	resources := t.TempDir()
	write(t, resources, "none.yaml", "resources: []\n")
	return contourtest.Start(t, "--resources", resources, "--credential-provider", provider,
		"--contour-cafile", files.CA, "--contour-mtls-cert", files.Cert, "--contour-mtls-key", files.Key)
}

// serveGenerated starts a contour that makes its credentials itself.
func serveGenerated(t *testing.T) *contourtest.Server {
	t.Helper()
	resources := t.TempDir()
	write(t, resources, "none.yaml", "resources: []\n")
	return contourtest.Start(t, "--resources", resources, "--state-dir", filepath.Join(t.TempDir(), "state"))
}

func startEnvoy(t *testing.T, ca *certtest.CA, contour *contourtest.Server) {
	t.Helper()
	files := certtest.WriteFiles(t, t.TempDir(), ca, ca.Issue(t, certtest.Client()))
	path := filepath.Join(t.TempDir(), "envoy.json")
	cmd := exec.Command(contourtest.Binary(t), "bootstrap", path, "--admin-port", "0", "--xds-port", contour.XDSPort(),
		"--envoy-cafile", files.CA, "--envoy-mtls-cert", files.Cert, "--envoy-mtls-key", files.Key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("contour bootstrap: %v\n%s", err, out)
	}
	envoy.Start(t, path, envoy.Options{})
}

// probe opens the port as a health check does, and says nothing.
func probe(t *testing.T, address string) {
	t.Helper()
	for range attempts {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// knock comes again and again with a certificate, or without, and is refused. In TLS
// 1.3 a client knows that from what it reads, and its own handshake succeeds before.
func knock(t *testing.T, address string, ca *certtest.CA, pair *certtest.Pair) {
	t.Helper()
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"}}
	if pair != nil {
		cert := pair.TLS()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	for range attempts {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", address, config)
		if err != nil {
			continue // refused already
		}
		_ = conn.SetDeadline(time.Now().Add(deadline))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a stranger is served")
		}
		_ = conn.Close()
	}
}

// callAsAnEnvoy makes a call that only an operator may make, once.
func callAsAnEnvoy(t *testing.T, address string, ca *certtest.CA) {
	t.Helper()
	config := &tls.Config{
		RootCAs: ca.Pool(), ServerName: certtest.ServerName, Certificates: []tls.Certificate{ca.Issue(t, certtest.Client()).TLS()},
	}
	call := recycle.Call{Address: address, TLS: config}
	if _, err := call.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "is not an operator's") {
		t.Errorf("got %v", err)
	}
}

// wantAlerts waits for the alerts that are due, and holds Prometheus to raising no
// other. The certificates and the revocation list of this test end within a day, and that
// is said, too.
func wantAlerts(t *testing.T, prometheus *server) {
	t.Helper()
	want := []string{
		"ContourCertificateEndsWithin7Days ca critical docs/howto/replacing-certificates.md#replace-the-ca",
		"ContourCertificateEndsWithin7Days leaf critical docs/howto/replacing-certificates.md#replace-a-key-pair",
		"ContourGroupsDenied group_forbidden warning docs/howto/access-policy.md#5-watch",
		"ContourHandshakesRefused no_certificate warning docs/reference/handshake-failures.md#no_certificate",
		"ContourHandshakesRefused no_identity warning docs/reference/handshake-failures.md#no_identity",
		"ContourHandshakesRefused no_rule warning docs/reference/handshake-failures.md#no_rule",
		"ContourHandshakesRefused own_certificate warning docs/reference/handshake-failures.md#own_certificate",
		"ContourHandshakesRefused unknown_ca warning docs/reference/handshake-failures.md#unknown_ca",
		"ContourRecycleCallsDenied  warning docs/howto/certificates-with-certgen.md#when-a-call-is-denied",
		"ContourRequestsDenied secret_forbidden warning docs/howto/access-policy.md#5-watch",
		"ContourRevocationListEndsWithin1Day  critical docs/howto/revocation.md#when-contour-does-not-know",
		"ContourRevokedCertificateUsed  warning docs/howto/revocation.md#3-see-that-it-is-out",
	}
	envoy.Eventually(t, deadline, "the alerts fire", func() error {
		alerts, err := prometheus.firing()
		if err != nil {
			return err
		}
		var got []string
		for _, a := range alerts {
			what := a.Labels["reason"] + a.Labels["certificate"]
			got = append(got, strings.Join([]string{a.Labels["alertname"], what, a.Labels["severity"], a.Annotations["runbook"]}, " "))
		}
		slices.Sort(got)
		got = slices.Compact(got) // both servers' certificates end
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// wantSeries finds a name that contour does not have, or no longer.
func wantSeries(t *testing.T, prometheus *server) {
	t.Helper()
	for _, r := range readRules(t) {
		wantNames(t, prometheus, r.Alert, r.Expr)
	}
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			wantNames(t, prometheus, p.Title, target.Expr)
		}
	}
}

func wantNames(t *testing.T, prometheus *server, where, expr string) {
	t.Helper()
	found := selectors(expr)
	if len(found) == 0 {
		t.Errorf("%s: no metric is in %s", where, expr)
	}
	for _, selector := range found {
		series, err := prometheus.series(selector.metric)
		if err != nil || len(series) == 0 {
			t.Errorf("%s: %s has no series, %v", where, selector.metric, err)
		}
		for label, values := range selector.values {
			for _, value := range values {
				has := func(labels map[string]string) bool { return labels[label] == value }
				if value != "$instance" && !slices.ContainsFunc(series, has) {
					t.Errorf("%s: %s has no series with %s=%q", where, selector.metric, label, value)
				}
			}
		}
	}
}
