package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/test/envoy"
)

// TestConnectionsOfAnAgeComeBackAndNoRequestFails has an Envoy connect anew every few
// seconds, as it comes out of the box, while requests go through it.
func TestConnectionsOfAnAgeComeBackAndNoRequestFails(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			comesBackByAge(t, envoy.Version, protocol)
		})
	}
}

const (
	// shortAge and shortGrace make a connection last for three seconds at most.
	shortAge, shortGrace = 2 * time.Second, time.Second
	// returns is how many connections are waited for.
	returns = 4
)

func comesBackByAge(t *testing.T, version, protocol string) {
	s := &served{t: t, f: newFixture(t), a: newSlowlyWarm(t), patience: runsPromptly}
	s.d, s.site = newFolder(t, s.f), firstSite(s.a)
	s.d.publish(s.site)
	s.c = s.f.serve(append([]string{"--max-connection-age", shortAge.String(), "--max-connection-age-grace", shortGrace.String()}, drainsQuickly...)...)
	s.e = envoy.Start(t, s.f.bootstrap(s.c, s.f.client, "--xds-protocol", protocol), envoy.Options{Version: version, Args: drainQuickly})
	wantRunning(t, s.e, s.f.resources)
	s.traffic = startTraffic(t, s.f, s.d.urls()...)

	sent := make(map[string]float64)
	for _, kind := range wholes {
		sent[kind] = s.c.value("contour_xds_responses_total", "type", kind)
	}
	s.c.wantHandshakes(returns)
	for _, kind := range wholes {
		if n := s.c.value("contour_xds_responses_total", "type", kind); n != sent[kind] {
			t.Errorf("%v responses of type %s, of which %v came after Envoy had everything", n, kind, n-sent[kind])
		}
	}
	s.make(s.changes()[0])
	s.wantRunning(s.changes()[0])
	s.wantNoFailure()
	if n := s.c.value("contour_xds_tls_handshakes_total", "result", "failure"); n != 0 {
		t.Errorf("%v handshakes failed", n)
	}
	if ends := strings.Count(s.e.Log(), "gRPC config stream to contour closed: 13"); ends < returns-1 {
		t.Errorf("Envoy tells of %d streams that ended, of %d", ends, returns-1)
	}
}

// wantHandshakes waits until so many have succeeded.
func (c *contour) wantHandshakes(least float64) {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, fmt.Sprintf("%v handshakes", least), func() error {
		n, err := c.metric("contour_xds_tls_handshakes_total", "result", "success")
		if err == nil && n < least {
			err = fmt.Errorf("there are %v", n)
		}
		return err
	})
}

// TestAnEnvoyWhoseCertificateEndsIsCutOffAndServesOn has the certificate of an Envoy
// end while it is connected.
func TestAnEnvoyWhoseCertificateEndsIsCutOffAndServesOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := newSlowlyWarm(t)
	d := newFolder(t, f)
	d.publish(firstSite(a))
	c := f.serve()
	brief := certtest.Client()
	brief.NotAfter = time.Now().Add(10 * time.Second)
	e := envoy.Start(t, f.bootstrap(c, f.credentials(f.ca, brief)), envoy.Options{})
	wantRunning(t, e, f.resources)
	traffic := startTraffic(t, f, d.urls()...)
	c.wantConnections(1)

	c.wantMetric(1, "contour_xds_connections_closed_total", "reason", string(handshake.CertificateExpired))
	if late := time.Since(brief.NotAfter.Truncate(time.Second)); late > 5*time.Second {
		t.Errorf("it was connected for %v longer", late)
	}
	c.wantConnections(0)
	envoy.Eventually(t, deadline, "it is refused when it comes back", func() error {
		n, err := c.metric("contour_xds_tls_handshake_failures_total", "reason", string(handshake.Expired))
		if err == nil && n == 0 {
			err = errors.New("it is not")
		}
		return err
	})
	traffic.wantNoFailure()
}
