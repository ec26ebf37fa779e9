package e2e

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/pemfile"
	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// certgen runs contour certgen to its end.
func certgen(t *testing.T, args ...string) {
	t.Helper()
	must(t, tryCertgen(t, args...))
}

func tryCertgen(t *testing.T, args ...string) error {
	t.Helper()
	out, err := exec.Command(contourtest.Binary(t), append([]string{"certgen"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("contour certgen %v: %w\n%s", args, err, out)
	}
	return nil
}

// madeBy are the files of one identity in a folder of certgen's.
func madeBy(dir, name string) certtest.Files {
	return certtest.Files{
		CA: filepath.Join(dir, name, "ca.pem"), Cert: filepath.Join(dir, name, name+".pem"), Key: filepath.Join(dir, name, name+"-key.pem"),
	}
}

// TestEnvoyIsServedWithWhatCertgenMakes takes every default there is, for each kind
// of key.
func TestEnvoyIsServedWithWhatCertgenMakes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ecdsa", "ed25519", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "certificates")
			certgen(t, dir, "--key-type", kind)
			f := newFixture(t)
			f.server, f.client = madeBy(dir, "contour"), madeBy(dir, "envoy")
			f.writeAll(overADS, newUpstream(t))
			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
			f.wantAnswer(e, "http", "/", "hello")
			f.wantAnswer(e, "https", "/", "hello")
		})
	}
}

// TestARolloverKeepsEnvoyServed makes the three steps, and restarts both sides after
// each, in either order. The one that is restarted first meets the other side as the
// step before left it, and a change that contour pushes then arrives.
func TestARolloverKeepsEnvoyServed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certificates")
	certgen(t, dir)
	f := newFixture(t)
	f.server, f.client = madeBy(dir, "contour"), madeBy(dir, "envoy")
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
	f.wantAnswer(e, "http", "/", "hello")
	restarts := []func(){
		func() {
			port := c.xdsPort()
			c.stop()
			c = f.serve("--xds-port", port)
		},
		func() { e = envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{}) }, // beside the one of before
	}
	for i, step := range []string{"first", "second", "third"} {
		certgen(t, "ca", "rotate", dir, "--wait", "0s", "--distributed")
		for j := range restarts {
			restarts[(i+j)%2]()
			words := fmt.Sprintf("%s step, %d restarted", step, j+1)
			f.writeRoute(words)
			f.wantAnswer(e, "http", "/", words)
		}
	}
}

// TestARolloverOfCertgensFoldersNeedsNoRestart has both sides follow certgen's own
// folders, renews them, and replaces the CA. When the old CA may go, certgen asks contour.
func TestARolloverOfCertgensFoldersNeedsNoRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certificates")
	certgen(t, dir)
	r := &rotation{t: t, f: newFixture(t), sds: filepath.Join(t.TempDir(), "sds")}
	r.f.server, r.files = madeBy(dir, "contour"), madeBy(dir, "envoy")
	r.f.writeAll(overADS, newUpstream(t))
	r.start(envoy.Version, []string{
		"--credential-provider", "watch", "--max-connection-age", shortAge.String(), "--max-connection-age-grace", shortGrace.String(),
	})
	for i, step := range [][]string{
		{"renew", dir},
		{"ca", "rotate", dir},
		{"ca", "rotate", dir, "--wait", "0s", "--distributed", "--server", "http://" + r.c.metrics},
		{"ca", "rotate", dir, "--wait", "0s", "--server", "http://" + r.c.metrics},
	} {
		envoy.Eventually(t, deadline, "certgen goes on", func() error { return tryCertgen(t, step...) })
		r.c.wantMetric(float64(i+1), "contour_credentials_reloads_total", "result", "success")
		pair, err := tls.LoadX509KeyPair(r.files.Cert, r.files.Key)
		must(t, err)
		bundle, err := os.ReadFile(r.files.CA)
		must(t, err)
		trusted, err := pemfile.Certificates(bundle)
		must(t, err)
		r.wantCertificates(append(trusted, pair.Leaf)...)
		r.wantConnected(fmt.Sprintf("after %d steps", i+1))
	}
	r.wantNoFailure()
	for _, reason := range handshake.CloseReasons() {
		r.c.wantMetric(0, "contour_xds_connections_closed_total", "reason", string(reason))
	}
}

// TestRenewKilledAtAnyMomentLeavesPairsThatFit kills the real process, again and
// again, as late as it could be at work, and loads what it leaves as contour does.
func TestRenewKilledAtAnyMomentLeavesPairsThatFit(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certificates")
	certgen(t, dir)
	began := time.Now()
	certgen(t, "renew", dir)
	whole := time.Since(began)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for range 25 {
		cmd := exec.Command(contourtest.Binary(t), "certgen", "renew", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(chance.Int64N(int64(whole))))
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
		wantLoads(t, dir)
	}
	certgen(t, "renew", dir)
	wantLoads(t, dir)
	leftovers, err := filepath.Glob(filepath.Join(dir, "*", "..2*"))
	if err != nil || len(leftovers) != 3 { // the CA's generation, and one of each side
		t.Errorf("the folders hold %v, %v", leftovers, err)
	}
}

func wantLoads(t *testing.T, dir string) {
	t.Helper()
	for name, role := range map[string]credentials.Role{"contour": credentials.Server, "envoy": credentials.Client} {
		files := madeBy(dir, name)
		set := credentials.FileSet{CA: credentials.Source{Path: files.CA}, Cert: credentials.Source{Path: files.Cert}, Key: credentials.Source{Path: files.Key}}
		if _, err := credentials.Load(set, role, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
