package grpc

import (
	"fmt"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

func TestAClientWithoutACertificateGetsNothing(t *testing.T) {
	t.Parallel()
	forEachKind(t, func(t *testing.T, kind string) {
		f := newFixture(t)
		f.sendTo(startBackend(t, "a"))
		s := f.serve(f.files(certtest.Server()))
		own := f.files(certtest.Client())
		path := f.bootstrap(s, own)
		path = edited(t, path, fmt.Sprintf("%q: %q,", "certificate_file", own.Cert), "")
		path = edited(t, path, fmt.Sprintf("%q: %q,", "private_key_file", own.Key), "")

		if got := startClient(t, kind, path).call(); got.Error == "" {
			t.Errorf("got %+v", got)
		}
		envoy.Eventually(t, deadline, "contour counts the refusal", func() error {
			count, err := s.Metric("contour_xds_tls_handshake_failures_total", "reason", "no_certificate")
			if err == nil && count == 0 {
				err = fmt.Errorf("it counted none")
			}
			return err
		})
		s.WantMetric(0, "contour_xds_tls_handshakes_total", "result", "success")
		wantNothingSent(t, s)
	})
}

// TestAClientKnowsContourByTheHostThatItDials is why the certificate needs that host
// beside the name that an Envoy expects.
func TestAClientKnowsContourByTheHostThatItDials(t *testing.T) {
	t.Parallel()
	forEachKind(t, func(t *testing.T, kind string) {
		f := newFixture(t)
		f.sendTo(startBackend(t, "a"))
		leaf := certtest.Server()
		leaf.DNSNames, leaf.IPs = []string{certtest.ServerName}, nil
		s := f.serve(f.files(leaf))
		path := f.bootstrap(s, f.files(certtest.Client()), "--xds-address", "localhost")

		if got := startClient(t, kind, path).call(); got.Error == "" {
			t.Errorf("got %+v", got)
		}
		wantNothingSent(t, s)
	})
}
