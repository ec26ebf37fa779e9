package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// A generation is what the server's three files hold.
type generation struct {
	bundle []byte
	pair   *certtest.Pair
}

func (g generation) write(t *testing.T, dir string) certtest.Files {
	t.Helper()
	files := certtest.Files{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	certtest.WriteFile(t, files.CA, g.bundle)
	certtest.WriteFile(t, files.Cert, g.pair.CertPEM())
	certtest.WriteFile(t, files.Key, g.pair.KeyPEM(t))
	return files
}

// A publisher replaces a generation, and says where its files are.
type publisher interface {
	publish(t *testing.T, g generation)
	files() certtest.Files
}

// mounted is a Secret as kubelet lays it out: the files are links through ..data.
type mounted struct {
	dir  string
	made int
}

func (m *mounted) files() certtest.Files {
	return certtest.Files{CA: filepath.Join(m.dir, "ca.pem"), Cert: filepath.Join(m.dir, "tls.crt"), Key: filepath.Join(m.dir, "tls.key")}
}

func (m *mounted) publish(t *testing.T, g generation) {
	t.Helper()
	m.made++
	dir := filepath.Join(m.dir, "..generation-"+strconv.Itoa(m.made))
	temporary, data := filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	g.write(t, dir)
	old, _ := os.Readlink(data) // which is not there at first
	if err := errors.Join(os.Symlink(filepath.Base(dir), temporary), os.Rename(temporary, data)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{m.files().CA, m.files().Cert, m.files().Key} {
		if err := os.Symlink(filepath.Join("..data", filepath.Base(path)), path); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	if old == "" {
		return
	}
	if err := os.RemoveAll(filepath.Join(m.dir, old)); err != nil {
		t.Fatal(err)
	}
}

// plain is a folder whose files are renamed into place, one after the other.
type plain struct{ dir string }

func (p plain) files() certtest.Files { return (&mounted{dir: p.dir}).files() }

func (p plain) publish(t *testing.T, g generation) {
	t.Helper()
	made := g.write(t, t.TempDir())
	to := p.files()
	if err := errors.Join(os.Rename(made.Key, to.Key), os.Rename(made.Cert, to.Cert), os.Rename(made.CA, to.CA)); err != nil {
		t.Fatal(err)
	}
}

// TestTheServersCertificatesAreReplacedWithoutARestart takes contour through a new pair
// and then through a new CA, in the rounds of the howto, while requests go through an
// Envoy, newcomers arrive, and what is served changes. Then the old CA is out.
func TestTheServersCertificatesAreReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]publisher{
		"by a swap of ..data": &mounted{dir: t.TempDir()}, "by plain renames": plain{t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newRotating(t, p).run()
		})
	}
}

// rotating is a contour that follows its files, and what it has to do with.
type rotating struct {
	t         *testing.T
	f         *fixture
	p         publisher
	c         *contour
	e         *envoy.Envoy
	next      *certtest.CA
	newcomers *newcomers
	serving   generation
	made      int
}

// newRotating starts it. The Envoys trust both CAs from the start, and hers is of the
// old one.
func newRotating(t *testing.T, p publisher) *rotating {
	t.Helper()
	r := &rotating{t: t, f: newFixture(t), p: p, next: certtest.NewCA(t, "next")}
	r.serving = generation{r.f.ca.PEM(), r.f.ca.Issue(t, certtest.Server())}
	p.publish(t, r.serving)
	r.f.server = p.files()
	r.f.writeAll(overADS, newUpstream(t))
	r.c = r.f.serve("--credential-provider", "watch")
	r.e = r.start(r.f.ca)
	r.newcomers = startNewcomers(t, r.c, r.f.ca.Issue(t, certtest.Client()), r.f.ca, r.next)
	return r
}

// both is the bundle in which the one CA stands beside the other.
func (r *rotating) both() []byte { return slices.Concat(r.f.ca.PEM(), r.next.PEM()) }

// start starts an Envoy with a certificate of a CA, and waits until it serves.
func (r *rotating) start(ca *certtest.CA) *envoy.Envoy {
	r.t.Helper()
	files := r.f.credentials(ca, certtest.Client())
	certtest.WriteFile(r.t, files.CA, r.both())
	e := envoy.Start(r.t, r.f.bootstrap(r.c, files), envoy.Options{})
	r.f.wantAnswer(e, "http", "/upstream", "upstream")
	return e
}

func (r *rotating) run() {
	var urls []string
	for _, listener := range []string{"http", "https"} {
		address, err := r.e.ListenerAddress(listener)
		if err != nil {
			r.t.Fatal(err)
		}
		urls = append(urls, listener+"://"+address+"/", listener+"://"+address+"/upstream")
	}
	traffic := startTraffic(r.t, r.f, urls...)

	r.replace("a new pair of the same CA", generation{r.f.ca.PEM(), r.f.ca.Issue(r.t, certtest.Server())})
	r.wantUpdate(r.e)
	r.replace("1. the new CA into the bundle", generation{r.both(), r.serving.pair})
	r.newcomers.current.Store(r.next.Issue(r.t, certtest.Client()))
	r.wantUpdate(r.e)
	further := r.start(r.next)
	r.replace("2. a new pair", generation{r.both(), r.next.Issue(r.t, certtest.Server())})
	r.wantUpdate(r.e)
	r.start(r.f.ca)
	r.wantNothingRefused()
	r.replace("3. the old CA out", generation{r.next.PEM(), r.serving.pair})
	r.wantUpdate(further)
	r.start(r.next)

	r.newcomers.end()
	traffic.wantNoFailure()
	if n := r.newcomers.arrived.Load(); n < 100 {
		r.t.Errorf("only %d newcomers arrived", n)
	}
	if _, err := r.newcomers.connect(r.f.ca.Issue(r.t, certtest.Client())); err == nil {
		r.t.Error("a certificate of the old CA is welcome still")
	}
	envoy.Eventually(r.t, deadline, "it is counted", func() error {
		n, err := r.c.metric("contour_xds_tls_handshake_failures_total", "reason", "unknown_ca")
		if err == nil && n == 0 {
			err = errors.New("not yet")
		}
		return err
	})
	r.c.wantMetric(0, "contour_credentials_reloads_total", "result", "failure")
}

// replace publishes a generation, changes what is served at the same time, and waits
// until handshakes show its pair. Only the pair or the bundle is another one, so that no
// writer's half is a generation too.
func (r *rotating) replace(name string, g generation) {
	r.t.Helper()
	r.made++
	r.serving = g
	r.p.publish(r.t, g)
	r.f.writeRoute(fmt.Sprintf("after %d rotations", r.made))
	r.c.wantMetric(float64(r.made), "contour_credentials_reloads_total", "result", "success")
	r.c.wantMetric(0, "contour_credentials_reload_pending")
	shown, err := r.newcomers.connect(r.newcomers.current.Load())
	if err != nil || !shown.Equal(g.pair.Chain[0]) {
		r.t.Fatalf("%s: the next handshake does not show it: %v", name, err)
	}
}

// wantUpdate finds an Envoy serving what was changed beside the last rotation.
func (r *rotating) wantUpdate(e *envoy.Envoy) {
	r.t.Helper()
	start := time.Now()
	r.f.wantAnswer(e, "https", "/", fmt.Sprintf("after %d rotations", r.made))
	if took := time.Since(start); took > runsPromptly {
		r.t.Errorf("an update took %v beside a rotation", took)
	}
}

// wantNothingRefused finds no handshake that failed, for whatever reason.
func (r *rotating) wantNothingRefused() {
	r.t.Helper()
	all, err := r.c.server.AllSeries("contour_xds_tls_handshake_failures_total")
	if err != nil || len(all) == 0 {
		r.t.Fatalf("%d series, %v", len(all), err)
	}
	for _, s := range all {
		if s.Value != 0 {
			r.t.Errorf("%v handshakes failed: %v", s.Value, s.Labels)
		}
	}
}
