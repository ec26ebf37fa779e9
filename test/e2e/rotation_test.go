package e2e

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

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

// newRotation lays out an Envoy's credentials of the fixture's CA, and resources.
func newRotation(t *testing.T, how string) *rotation {
	t.Helper()
	r := &rotation{t: t, f: newFixture(t), next: certtest.NewCA(t, "next"), sds: filepath.Join(t.TempDir(), "sds")}
	r.first, r.second = r.f.ca.Issue(t, certtest.Client()), r.next.Issue(t, certtest.Client())
	r.keeping = keepings[how](t, newGeneration(r.f.ca, r.first))
	r.f.writeAll(overADS, newUpstream(t))
	return r
}

// startRotation starts contour, which reads its files once, and the Envoy.
func startRotation(t *testing.T, version, how string) *rotation {
	t.Helper()
	r := newRotation(t, how)
	r.start(version, nil)
	r.wantInUse(r.first)
	return r
}

// start starts contour, the Envoy, and traffic through it.
func (r *rotation) start(version string, serveArgs []string, bootstrapArgs ...string) {
	r.t.Helper()
	r.c = r.f.serve(serveArgs...)
	r.e = envoy.Start(r.t, r.bootstrap(r.files, bootstrapArgs...), envoy.Options{Version: version})
	r.f.wantAnswer(r.e, "https", "/", "hello")
	var urls []string
	for _, scheme := range []string{"http", "https"} {
		address, err := r.e.ListenerAddress(scheme)
		must(r.t, err)
		urls = append(urls, scheme+"://"+address, scheme+"://"+address+"/upstream")
	}
	r.traffic = startTraffic(r.t, r.f, urls...)
}

// bootstrap writes what the Envoy starts with, and the SDS files that it follows.
func (r *rotation) bootstrap(files certtest.Files, args ...string) string {
	r.t.Helper()
	path := r.f.bootstrap(r.c, files, append([]string{"--resources-dir", r.sds}, args...)...)
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
	r.wantCertificates(pair.Chain[0])
}

// wantCertificates waits until Envoy has them in use, as its own or as a CA's.
func (r *rotation) wantCertificates(certs ...*x509.Certificate) {
	r.t.Helper()
	for _, cert := range certs {
		envoy.Eventually(r.t, deadline, "Envoy has the certificate in use", func() error { return r.inUse(cert) })
	}
}

// inUse is an error if Envoy does not show a certificate, as its own or as a CA's.
func (r *rotation) inUse(cert *x509.Certificate) error {
	certs, err := r.e.Get("/certs")
	if err == nil && !strings.Contains(string(certs), fmt.Sprintf("%x", cert.SerialNumber)) {
		err = fmt.Errorf("it has %s", certs)
	}
	return err
}

// wantConnected waits for a change to arrive, over a connection that was made at the
// first attempt.
func (r *rotation) wantConnected(words string) {
	r.t.Helper()
	r.f.writeRoute(words)
	r.f.wantAnswer(r.e, "https", "/", words)
	r.c.wantNoneRefused()
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
