package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// keeping is a way in which an Envoy's credentials lie on disk and are replaced.
type keeping struct {
	files certtest.Files
	// replace puts those of a CA in the place of all three.
	replace func(*certtest.CA, *certtest.Pair)
}

// keepings are the ways that Envoy notices.
var keepings = map[string]func(*testing.T, *certtest.CA, *certtest.Pair) keeping{
	"a mounted Secret whose ..data link is swapped": func(t *testing.T, ca *certtest.CA, pair *certtest.Pair) keeping {
		dir := t.TempDir()
		secret := mount(t, dir, filesOf(t, ca, pair))
		return keeping{
			certtest.Files{CA: dir + "/ca.crt", Cert: dir + "/tls.crt", Key: dir + "/tls.key"},
			func(ca *certtest.CA, pair *certtest.Pair) { secret.swap(filesOf(t, ca, pair)) },
		}
	},
	"files of one folder that are renamed one by one": func(t *testing.T, ca *certtest.CA, pair *certtest.Pair) keeping {
		dir := t.TempDir()
		return renaming(t, certtest.Files{CA: dir + "/ca.pem", Cert: dir + "/tls.crt", Key: dir + "/tls.key"}, ca, pair)
	},
	"files of three folders that are renamed one by one": func(t *testing.T, ca *certtest.CA, pair *certtest.Pair) keeping {
		return renaming(t, certtest.Files{CA: t.TempDir() + "/ca.pem", Cert: t.TempDir() + "/tls.crt", Key: t.TempDir() + "/tls.key"}, ca, pair)
	},
}

func renaming(t *testing.T, files certtest.Files, ca *certtest.CA, pair *certtest.Pair) keeping {
	t.Helper()
	k := keeping{files, func(ca *certtest.CA, pair *certtest.Pair) {
		move(t, files.CA, ca.PEM())
		move(t, files.Key, pair.KeyPEM(t))
		move(t, files.Cert, pair.CertPEM())
	}}
	k.replace(ca, pair)
	return k
}

// move renames a file with that content over path.
func move(t *testing.T, path string, data []byte) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), ".next")
	certtest.WriteFile(t, next, data)
	must(t, os.Rename(next, path))
}

// rotation is an Envoy that follows its credentials, and traffic through it.
type rotation struct {
	*traffic
	t *testing.T
	f *fixture
	c *contour
	e *envoy.Envoy
	keeping
	// first is the Envoy's pair, of the fixture's CA; second is one of the CA next.
	first, second *certtest.Pair
	next          *certtest.CA
	// sds is the folder of the SDS files.
	sds string
}

// startRotation starts contour, and an Envoy with credentials of the fixture's CA.
func startRotation(t *testing.T, version, how string) *rotation {
	t.Helper()
	r := &rotation{t: t, f: newFixture(t), next: certtest.NewCA(t, "next"), sds: filepath.Join(t.TempDir(), "sds")}
	r.first, r.second = r.f.ca.Issue(t, certtest.Client()), r.next.Issue(t, certtest.Client())
	r.keeping = keepings[how](t, r.f.ca, r.first)
	r.f.writeAll(overADS, newUpstream(t))
	r.c = r.f.serve()
	r.e = envoy.Start(t, r.bootstrap(r.files), envoy.Options{Version: version})
	r.f.wantAnswer(r.e, "https", "/", "hello")
	r.wantInUse(r.first)
	var urls []string
	for _, scheme := range []string{"http", "https"} {
		address, err := r.e.ListenerAddress(scheme)
		must(t, err)
		urls = append(urls, scheme+"://"+address)
	}
	r.traffic = startTraffic(t, r.f, urls...)
	return r
}

// bootstrap writes what the Envoy starts with, and the SDS files that it follows.
func (r *rotation) bootstrap(files certtest.Files) string {
	r.t.Helper()
	path := r.f.bootstrap(r.c, files, "--resources-dir", r.sds)
	retryQuickly(r.t, path)
	return path
}

// restartTrusting puts a contour in the place of the one that runs, which has
// credentials of that CA and trusts no other.
func (r *rotation) restartTrusting(ca *certtest.CA, leaf certtest.Leaf) {
	r.t.Helper()
	r.c.kill()
	wantDisconnected(r.t, r.e)
	r.f.server = certtest.WriteFiles(r.t, r.t.TempDir(), ca, ca.Issue(r.t, leaf))
	r.c = r.f.serve("--xds-port", r.c.xdsPort())
}

// wantInUse waits until a pair is the one that the next connection shows.
func (r *rotation) wantInUse(pair *certtest.Pair) {
	r.t.Helper()
	envoy.Eventually(r.t, deadline, "Envoy has the certificate in use", func() error {
		certs, err := r.e.Get("/certs")
		if err == nil && !strings.Contains(string(certs), fmt.Sprintf("%x", pair.Chain[0].SerialNumber)) {
			err = fmt.Errorf("it has %s", certs)
		}
		return err
	})
}

// wantConnected waits for a change to arrive, over a connection that was made at the
// first attempt.
func (r *rotation) wantConnected(words string) {
	r.t.Helper()
	r.f.writeRoute(words)
	r.f.wantAnswer(r.e, "https", "/", words)
	all, err := r.c.server.AllSeries("contour_xds_tls_handshake_failures_total")
	must(r.t, err)
	for _, series := range all {
		if series.Value != 0 {
			r.t.Errorf("%v handshakes failed: %v", series.Value, series.Labels)
		}
	}
}

// wantAtLeast waits for a stat of Envoy's.
func (r *rotation) wantAtLeast(want int, stat string) {
	r.t.Helper()
	envoy.Eventually(r.t, deadline, stat, func() error {
		got, err := r.e.Stat(stat)
		if err == nil && got < want {
			err = fmt.Errorf("it is %d, not %d", got, want)
		}
		return err
	})
}

// wantSome waits until contour has counted something.
func (r *rotation) wantSome(name string, labels ...string) {
	r.t.Helper()
	envoy.Eventually(r.t, deadline, name, func() error {
		n, err := r.c.metric(name, labels...)
		if err == nil && n == 0 {
			err = fmt.Errorf("it is 0")
		}
		return err
	})
}

func (r *rotation) stat(name string) int {
	r.t.Helper()
	value, err := r.e.Stat(name)
	must(r.t, err)
	return value
}
