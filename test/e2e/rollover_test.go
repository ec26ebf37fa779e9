package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/pemfile"
	"github.com/contour-xds/contour/test/envoy"
)

// TestBothSidesAreTakenThroughARolloverWithoutARestart gives each side a new pair and
// then replaces their CA, in the rounds of the howto, while requests go through Envoy,
// newcomers arrive, and what is served changes. Neither process is restarted.
func TestBothSidesAreTakenThroughARolloverWithoutARestart(t *testing.T) {
	t.Parallel()
	for how, protocol := range map[string]string{swapped: "delta-ads", renamed: "ads"} {
		t.Run(how+", "+protocol, func(t *testing.T) {
			t.Parallel()
			goesThroughARollover(t, envoy.Version, how, protocol)
		})
	}
}

// slower is how many times longer a change of what is served may take beside a
// rotation, by the median. It takes as long, give or take what the machine has to do.
const slower = 10

func goesThroughARollover(t *testing.T, version, how, protocol string) {
	r := startRollover(t, version, how, protocol)
	old, next := newGeneration(r.f.ca, r.first), newGeneration(r.next, r.second)
	both := slices.Concat(next.bundle, old.bundle)

	r.contour("a new pair of the same CA", generation{old.bundle, r.f.ca.Issue(t, certtest.Server())})
	r.envoy("a new pair of the same CA", generation{old.bundle, r.f.ca.Issue(t, certtest.Client())})
	r.contour("1. the new CA into the bundle", generation{both, r.atContour.pair})
	r.envoy("1. the new CA into the bundle", generation{both, r.atEnvoy.pair})
	r.newcomers.current.Store(r.next.Issue(t, certtest.Client()))
	r.contour("2. a new pair", generation{both, r.next.Issue(t, certtest.Server())})
	r.envoy("2. a new pair", generation{both, next.pair})
	r.c.wantMetric(0, "contour_xds_connections", "root", credentials.RootFingerprint(r.f.ca.Cert))
	r.contour("3. the old CA out", generation{next.bundle, r.atContour.pair})
	r.envoy("3. the old CA out", next)
	r.wantUnharmed(how)
	r.wantOldCARefused()
}

// rollover is a contour and an Envoy that both follow their files.
type rollover struct {
	*rotation
	// server is contour's files, the rotation's own are Envoy's.
	server             keeping
	atContour, atEnvoy generation
	newcomers          *newcomers
	// published are contour's generations after the first, and written the changes of
	// what is served.
	published, written int
	// quiet and beside are how long the changes took until Envoy answered by them, while
	// nothing rotated and while something did.
	quiet, beside []time.Duration
}

// startRollover has connections come back every second or two, so that each step is put
// to the proof by one.
func startRollover(t *testing.T, version, how, protocol string) *rollover {
	t.Helper()
	r := &rollover{rotation: newRotation(t, how)}
	r.atEnvoy, r.atContour = newGeneration(r.f.ca, r.first), newGeneration(r.f.ca, r.f.ca.Issue(t, certtest.Server()))
	r.server = keepings[how](t, r.atContour)
	r.f.server = r.server.files
	r.start(version, []string{
		"--credential-provider", "watch", "--max-connection-age", "500ms", "--max-connection-age-grace", "200ms",
	}, "--xds-protocol", protocol)
	r.newcomers = startNewcomers(t, r.c, r.f.ca.Issue(t, certtest.Client()), r.f.ca, r.next)
	return r
}

// contour replaces contour's files, until handshakes show the new pair. Only the pair or
// the bundle is another one, so that no writer's half is a generation too.
func (r *rollover) contour(step string, g generation) {
	r.t.Helper()
	r.published++
	r.atContour = g
	r.server.publish(g)
	r.settle("contour: "+step, func() error {
		n, err := r.c.metric("contour_credentials_reloads_total", "result", "success")
		if err == nil && n != float64(r.published) {
			err = fmt.Errorf("%v generations were taken over, of %d", n, r.published)
		}
		return err
	})
	r.c.wantMetric(0, "contour_credentials_reload_pending")
	shown, err := r.newcomers.connect(r.newcomers.current.Load())
	if err != nil || !shown.Equal(g.pair.Chain[0]) {
		r.t.Fatalf("contour: %s: the next handshake does not show it: %v", step, err)
	}
}

// taken is Envoy's count of the pairs and bundles that it took.
const taken = "cluster.contour.client_ssl_socket_factory.ssl_context_update_by_sds"

// envoy replaces Envoy's files, until it has taken what is new in them. The oldest Envoy
// shows the first CA of its bundle alone.
func (r *rollover) envoy(step string, g generation) {
	r.t.Helper()
	r.atEnvoy = g
	before := r.stat(taken)
	r.publish(g)
	newest, err := pemfile.Certificates(g.bundle)
	must(r.t, err)
	r.settle("Envoy: "+step, func() error {
		n, err := r.e.Stat(taken)
		if err == nil && n == before {
			err = fmt.Errorf("%s is still %d", taken, n)
		}
		return errors.Join(err, r.inUse(g.pair.Chain[0]), r.inUse(newest[0]))
	})
	r.updateUntil("nothing rotates", &r.quiet, r.back())
}

// settle changes what is served until a step is through, and Envoy has come back on
// another connection since.
func (r *rollover) settle(step string, through func() error) {
	r.t.Helper()
	r.updateUntil(step, &r.beside, through)
	r.updateUntil(step, &r.beside, r.back())
	r.c.wantNoneRefused()
	if n := r.failed.Load(); n > 0 || r.t.Failed() {
		r.t.Fatalf("%s: %d requests failed, or newcomers", step, n)
	}
}

// back is an error until Envoy has made another connection than it had.
func (r *rollover) back() func() error {
	r.t.Helper()
	const made = "cluster.contour.upstream_cx_total"
	before := r.stat(made)
	return func() error {
		n, err := r.e.Stat(made)
		if err == nil && n == before {
			err = errors.New("envoy has not come back")
		}
		return err
	}
}

// updateUntil changes what is served again and again, until something is done.
func (r *rollover) updateUntil(step string, took *[]time.Duration, done func() error) {
	r.t.Helper()
	for start := time.Now(); ; {
		*took = append(*took, r.update())
		err := done()
		if err == nil {
			return
		}
		if time.Since(start) > deadline {
			r.t.Fatalf("%s: %v", step, err)
		}
	}
}

// update changes what is served, and returns how long it took until Envoy answered so.
func (r *rollover) update() time.Duration {
	r.t.Helper()
	r.written++
	start := time.Now()
	words := fmt.Sprintf("change %d", r.written)
	r.f.writeRoute(words)
	r.f.wantAnswer(r.e, "https", "/", words)
	return time.Since(start)
}

// wantUnharmed ends requests and newcomers, and finds that nobody noticed: no session
// was resumed or could have been, neither side refused the other, and no connection was
// closed but for its age.
func (r *rollover) wantUnharmed(how string) {
	r.t.Helper()
	r.newcomers.end()
	r.wantNoFailure()
	r.c.wantNoneRefused()
	if n := r.newcomers.arrived.Load(); n < 100 {
		r.t.Errorf("only %d newcomers arrived", n)
	}
	r.c.wantMetric(0, "contour_credentials_reloads_total", "result", "failure")
	for _, reason := range handshake.CloseReasons() {
		r.c.wantMetric(0, "contour_xds_connections_closed_total", "reason", string(reason))
	}
	nothing := []string{
		"cluster.contour.ssl.session_reused", "cluster.contour.ssl.connection_error", "cluster.contour.ssl.fail_verify_error",
		"cluster.contour.ssl.fail_verify_san", "cluster.contour.upstream_cx_connect_fail",
		"sds.xds-certificate.update_rejected", "sds.xds-trust.update_rejected", "sds.xds-trust.key_rotation_failed",
	}
	if how == swapped {
		nothing = append(nothing, "sds.xds-certificate.key_rotation_failed")
	}
	for _, stat := range nothing {
		if n := r.stat(stat); n != 0 {
			r.t.Errorf("%s is %d", stat, n)
		}
	}
	quiet, beside := median(r.quiet), median(r.beside)
	r.t.Logf("a change took %v, beside a rotation %v; of %d and %d", quiet, beside, len(r.quiet), len(r.beside))
	if beside > slower*quiet {
		r.t.Errorf("a change took %v beside a rotation, and %v otherwise", beside, quiet)
	}
}

// wantOldCARefused has a client and then a contour come with certificates of the old CA.
func (r *rollover) wantOldCARefused() {
	r.t.Helper()
	if _, err := r.newcomers.connect(r.f.ca.Issue(r.t, certtest.Client())); err == nil {
		r.t.Error("a client of the old CA is welcome still")
	}
	wantOnlyReason(r.t, r.c, handshake.UnknownCA)
	r.restartTrusting(r.f.ca, certtest.Server())
	r.wantAtLeast(1, "cluster.contour.ssl.fail_verify_error")
}

func median(took []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/2]
}
