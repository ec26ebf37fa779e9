package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// presented returns the certificate that a listener of TLS shows.
func presented(address string, pool *x509.CertPool) (*x509.Certificate, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", address, &tls.Config{RootCAs: pool, ServerName: certtest.ServerName})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// TestASecretByFolderRotates mounts a Secret of Kubernetes as it is and replaces what
// it holds: Envoy shows the new certificate, and no connection fails meanwhile.
func TestASecretByFolderRotates(t *testing.T) {
	for _, protocol := range []string{"delta-ads", "ads", "delta", "sotw"} {
		t.Run(protocol, func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			must(t, os.Remove(filepath.Join(f.resources, "secrets.yaml")))
			f.write("listeners.yaml", strings.NewReplacer("SOURCE", overADS,
				"tls_certificate_sds_secret_configs", "validation_context_sds_secret_config: {name: web-ca, sds_config: "+overADS+"}\n          tls_certificate_sds_secret_configs").
				Replace(listenersYAML))
			first, second, other := f.web.Issue(t, certtest.Server()), f.web.Issue(t, certtest.Server()), f.web.Issue(t, certtest.Server())
			secret := mount(t, filepath.Join(f.resources, "secrets", "web"), newGeneration(f.web, first).secret(t))

			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client, "--xds-protocol", protocol), envoy.Options{})
			f.wantAnswer(e, "https", "/", "hello")
			address, err := e.ListenerAddress("https")
			must(t, err)
			f.wantPresented(address, first)
			wantSecrets(t, e, "web", "web-ca")

			stop := f.connectOnAndOn(address, first, second)
			secret.swap(newGeneration(f.web, second).secret(t))
			f.wantPresented(address, second)

			// A key that is not the certificate's never reaches Envoy.
			mixed := newGeneration(f.web, other).secret(t)
			mixed["tls.key"] = first.KeyPEM(t)
			secret.swap(mixed)
			c.wantMetric(1, "contour_resources_reloads_total", "result", "failure")
			f.wantPresented(address, second)
			stop()
			secret.swap(newGeneration(f.web, other).secret(t))
			f.wantPresented(address, other)
			c.wantMetric(0, "contour_xds_nacks_total", "type", "secret")
			for _, pair := range []*certtest.Pair{first, second, other} {
				if line := strings.Split(string(pair.KeyPEM(t)), "\n")[1]; strings.Contains(c.log(), line[:16]) {
					t.Error("key material in the log")
				}
			}
		})
	}
}

func (f *fixture) wantPresented(address string, want *certtest.Pair) {
	f.t.Helper()
	envoy.Eventually(f.t, deadline, "Envoy shows the certificate of the folder", func() error {
		got, err := presented(address, f.web.Pool())
		if err == nil && !got.Equal(want.Chain[0]) {
			err = errors.New("it shows another one")
		}
		return err
	})
}

// connectOnAndOn connects until the function that it returns is called, and fails the
// test for a connection that fails, or that shows none of the certificates.
func (f *fixture) connectOnAndOn(address string, either ...*certtest.Pair) func() {
	stop, done := make(chan struct{}), make(chan error, 1)
	pool := f.web.Pool()
	connect := func() error {
		got, err := presented(address, pool)
		if err != nil {
			return err
		}
		for _, pair := range either {
			if got.Equal(pair.Chain[0]) {
				return nil
			}
		}
		return errors.New("a certificate is shown that was never in a good folder")
	}
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				if n < 10 {
					done <- fmt.Errorf("only %d connections were tried", n)
				}
				close(done)
				return
			case <-f.t.Context().Done(): // of a test that failed
				return
			case <-time.After(5 * time.Millisecond):
			}
			if err := connect(); err != nil {
				done <- err
				return
			}
		}
	}()
	return func() {
		f.t.Helper()
		close(stop)
		if err := <-done; err != nil {
			f.t.Error(err)
		}
	}
}

// wantSecrets holds Envoy's own word to the secrets that it has from contour.
func wantSecrets(t *testing.T, e *envoy.Envoy, names ...string) {
	t.Helper()
	dump, err := e.ConfigDump()
	must(t, err)
	active := map[string]bool{}
	for _, section := range dump.GetConfigs() {
		message, err := section.UnmarshalNew()
		must(t, err)
		if secrets, ok := message.(*adminv3.SecretsConfigDump); ok {
			for _, secret := range secrets.GetDynamicActiveSecrets() {
				active[secret.GetName()] = true
			}
		}
	}
	for _, name := range names {
		if !active[name] {
			t.Errorf("Envoy does not have the secret %s; it has %v", name, active)
		}
	}
}
