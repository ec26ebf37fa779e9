package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// mountedSecret is a folder as kubelet lays out a Secret that is mounted.
type mountedSecret struct {
	t           *testing.T
	dir         string
	generations int
}

// mount lays out a Secret with these files.
func mount(t *testing.T, dir string, files map[string][]byte) *mountedSecret {
	t.Helper()
	m := &mountedSecret{t: t, dir: dir}
	must(t, os.MkdirAll(dir, 0o755))
	m.swap(files)
	for name := range files {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	return m
}

// swap publishes other files: a new folder, then a rename over the link. The folder of
// before goes.
func (m *mountedSecret) swap(files map[string][]byte) {
	m.t.Helper()
	m.generations++
	name := func(n int) string { return "..generation-" + strconv.Itoa(n) }
	must(m.t, os.Mkdir(filepath.Join(m.dir, name(m.generations)), 0o755))
	for file, data := range files {
		must(m.t, os.WriteFile(filepath.Join(m.dir, name(m.generations), file), data, 0o600))
	}
	next := filepath.Join(m.dir, "..data_tmp")
	must(m.t, os.Symlink(name(m.generations), next))
	must(m.t, os.Rename(next, filepath.Join(m.dir, "..data")))
	must(m.t, os.RemoveAll(filepath.Join(m.dir, name(m.generations-1))))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// filesOf are a pair and its CA as cert-manager writes them into a Secret.
func filesOf(t *testing.T, ca *certtest.CA, pair *certtest.Pair) map[string][]byte {
	return map[string][]byte{"tls.crt": pair.CertPEM(), "tls.key": pair.KeyPEM(t), "ca.crt": ca.PEM()}
}

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
			secret := mount(t, filepath.Join(f.resources, "secrets", "web"), filesOf(t, f.web, first))

			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client, "--xds-protocol", protocol), envoy.Options{})
			f.wantAnswer(e, "https", "/", "hello")
			address, err := e.ListenerAddress("https")
			must(t, err)
			f.wantPresented(address, first)
			wantSecrets(t, e, "web", "web-ca")

			stop := f.connectOnAndOn(address, first, second)
			secret.swap(filesOf(t, f.web, second))
			f.wantPresented(address, second)

			// A key that is not the certificate's never reaches Envoy.
			mixed := filesOf(t, f.web, other)
			mixed["tls.key"] = first.KeyPEM(t)
			secret.swap(mixed)
			c.wantMetric(1, "contour_resources_reloads_total", "result", "failure")
			f.wantPresented(address, second)
			stop()
			secret.swap(filesOf(t, f.web, other))
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
