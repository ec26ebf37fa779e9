package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
	"github.com/contour-xds/contour/test/process"
)

func TestContourIsSecureWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	g := startGenerated(t, stateDir(t))
	g.c.wantMetric(1, "contour_xds_tls_handshakes_total", "result", "success")
	g.c.wantMetric(1, "contour_credentials_renewals_total", "result", "success")
	g.wantConnected("over the first connection")

	// Who asks in plaintext, as every Envoy of old did, is refused.
	other := envoy.Start(t, contourBootstrap(t, "--insecure", "--xds-port", g.c.xdsPort()), envoy.Options{})
	envoy.Eventually(t, deadline, "plaintext is refused", func() error {
		n, err := g.c.metric("contour_xds_tls_handshake_failures_total", "reason", "not_tls")
		if err == nil && n == 0 {
			err = errors.New("not yet")
		}
		return err
	})
	if version, err := other.Text("cluster_manager.cds.version_text"); err == nil {
		t.Errorf("it has clusters, of version %s", version)
	}
	g.wantNoFailure()
}

// TestNoRequestFailsWhileContourRenewsItself lets certificates live for seconds, and
// those of both sides be renewed again and again under traffic. Each restart has Envoy
// show what it has by then.
func TestNoRequestFailsWhileContourRenewsItself(t *testing.T) {
	t.Parallel()
	g := startGenerated(t, stateDir(t), "--certificate-lifetime", "6s")
	roots := g.roots("envoy")
	for n := range 4 {
		g.wantRenewed()
		if n%2 == 0 {
			g.restart()
		}
		g.wantConnected(fmt.Sprintf("renewed %d times", n+1))
	}
	if !slices.Equal(g.roots("envoy"), roots) {
		t.Error("the CA is another one")
	}
	g.wantNoFailure()
}

// TestNoRequestFailsWhileContourReplacesItsCA begins with a CA that lives for a minute,
// and restarts contour in each state of the rollover. It starts when three lifetimes of
// a leaf are left, which gives a slow machine half a minute to have Envoy serve, and each
// state lasts for one.
func TestNoRequestFailsWhileContourReplacesItsCA(t *testing.T) {
	t.Parallel()
	state := stateDir(t)
	certgen(t, state, "--ca-lifetime", "60s", "--lifetime", "10s")
	g := startGenerated(t, state, "--certificate-lifetime", "10s")
	old := g.roots("envoy")[0]
	for _, want := range []struct {
		what    string
		trusts  int
		old, by bool // the old one is trusted, and signs
	}{
		{"the new CA is trusted beside the old one", 2, true, true},
		{"the new CA signs", 2, true, false},
		{"the old CA is gone", 1, false, false},
	} {
		envoy.Eventually(t, 2*deadline, want.what, func() error {
			roots, by := g.roots("envoy"), g.issuer("envoy")
			if len(roots) != want.trusts || slices.Contains(roots, old) != want.old || (by == old) != want.by {
				return fmt.Errorf("Envoy trusts %v and has a certificate of %s, and %s is the old one", roots, by, old)
			}
			return nil
		})
		g.wantInUse()
		g.restart()
		g.wantConnected(want.what)
	}
	g.wantNoFailure()
}

// TestContourComesUpAgainWhereverItIsKilled kills it while it writes. Certificates of a
// shorter life are asked for each time, so that each start makes new ones.
func TestContourComesUpAgainWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	state := stateDir(t)
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	random := newRandom()
	var longest time.Duration
	for n := range 40 {
		lifetime := fmt.Sprintf("%ds", 300-n)
		if n%10 == 0 { // also see how long it takes to get there
			begin := time.Now()
			serve(t, "--resources", f.resources, "--state-dir", state, "--certificate-lifetime", lifetime).kill()
			longest = time.Since(begin)
			continue
		}
		killedWithin(t, time.Duration(random.Int64N(int64(longest))), "--resources", f.resources, "--state-dir", state, "--certificate-lifetime", lifetime)
	}
	g := startGenerated(t, state, "--certificate-lifetime", "10s")
	g.wantConnected("after all of it")
	g.wantNoFailure()
}

// killedWithin starts contour serve and kills it after that time, unless it said before
// that something is wrong.
func killedWithin(t *testing.T, pause time.Duration, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(contourtest.Binary(t), append([]string{"serve", "--xds-port", "0", "--metrics-port", "0"}, args...)...)
	cmd.SysProcAttr = process.DieWithParent()
	cmd.Stderr = &said
	must(t, cmd.Start())
	time.Sleep(pause)
	_ = cmd.Process.Kill() // which fails if it has ended, and that is seen below
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Fatalf("it ended by itself: %v\n%s", err, said.String())
	}
}
