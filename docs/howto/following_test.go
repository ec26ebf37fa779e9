package howto_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// deadline is how long an event may take that needs a few seconds at most.
const deadline = 30 * time.Second

// TestBothSidesFollowTheRounds takes a contour and an Envoy that follow their files
// through each replacement by the commands of a page, and restarts neither. After each,
// what the page says to look at shows it.
func TestBothSidesFollowTheRounds(t *testing.T) {
	withContour(t)
	for page, way := range map[string]struct {
		making, steps []string
		in            string // the folder that the steps are run in
	}{
		replacing: {nil, []string{
			"### Contour's", "### Envoy's", "### Round 1: the new CA into every bundle", "### Round 2: new key pairs", "### Round 3: the old CA out",
		}, "certificates"},
		generating: {[]string{"## Make them", "## Put them where they belong", "## Further ones"}, []string{
			"## Renew them", "### Step 1: the new CA into every bundle", "### Step 2: new certificates", "### Step 3: the old CA out",
		}, "."},
	} {
		t.Run(page, func(t *testing.T) {
			root := t.TempDir()
			if page == replacing {
				run(t, root, making, "")
			}
			for _, heading := range way.making {
				run(t, root, page, heading)
			}
			p := startPair(t, root)
			for _, step := range way.steps {
				run(t, filepath.Join(root, way.in), page, step)
				envoy.Eventually(t, deadline, step+" is over", p.over)
				if page == replacing {
					p.look(step)
				}
			}
			for _, name := range []string{"contour_xds_tls_handshake_failures_total", "contour_xds_connections_closed_total"} {
				all, err := p.c.AllSeries(name)
				for _, series := range all {
					if err != nil || series.Value != 0 {
						t.Errorf("%s: %+v, %v", name, series, err)
					}
				}
			}
		})
	}
}

// pair is both sides, which follow the files in the folder certificates of root.
type pair struct {
	t    *testing.T
	root string
	c    *contourtest.Server
	e    *envoy.Envoy
}

// startPair starts Envoy by the bootstrap of the page.
func startPair(t *testing.T, root string) *pair {
	t.Helper()
	p := &pair{t: t, root: root}
	set := files(p.certificates(), "contour")
	resources := t.TempDir()
	if err := os.WriteFile(filepath.Join(resources, "none.yaml"), []byte("resources: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.c = contourtest.Start(t, "--resources", resources, "--credential-provider", "watch", "--max-connection-age", "1s", "--max-connection-age-grace", "1s",
		"--contour-cafile", set.CA.Path, "--contour-mtls-cert", set.Cert.Path, "--contour-mtls-key", set.Key.Path)
	t.Setenv("ENVOY_XDS_PORT", p.c.XDSPort())
	t.Setenv("ENVOY_ADMIN_PORT", "0")
	run(t, root, replacing, "## An Envoy that follows its files", "bin/contour", "contour")
	p.e = envoy.Start(t, filepath.Join(root, "envoy.yaml"), envoy.Options{Dir: root})
	envoy.Eventually(t, deadline, "Envoy is connected", p.over)
	return p
}

func (p *pair) certificates() string { return filepath.Join(p.root, "certificates") }

// over is an error until the files of now are in use on both sides, and Envoy's
// connection stands on the CA that issued its certificate.
func (p *pair) over() error {
	server, client := load(p.t, p.certificates(), "contour", credentials.Server), load(p.t, p.certificates(), "envoy", credentials.Client)
	pending, err := p.c.Metric("contour_credentials_reload_pending")
	if err != nil || pending != 0 {
		return fmt.Errorf("contour does not use its files: %v, %w", pending, err)
	}
	shown, err := p.shown()
	if err != nil || !shown.Equal(server.Chain()[0]) {
		return fmt.Errorf("contour shows another certificate, %w", err)
	}
	certs, err := p.e.Get("/certs")
	if err != nil || !strings.Contains(string(certs), fmt.Sprintf("%x", client.Chain()[0].SerialNumber)) ||
		!strings.Contains(string(certs), fmt.Sprintf("%x", client.Roots()[0].SerialNumber)) {
		return fmt.Errorf("envoy has %s, %w", certs, err)
	}
	return p.standsOn(server)
}

// shown is the certificate that contour shows to whoever has Envoy's files.
func (p *pair) shown() (*x509.Certificate, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: deadline}, "tcp", p.c.XDS, start(p.t, p.certificates()).envoy)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(deadline))
	_, err = conn.Read(make([]byte, 1)) // which comes when contour has accepted them
	return conn.ConnectionState().PeerCertificates[0], err
}

// standsOn is an error until there is a series for each root, and a connection on the
// one that issued Envoy's certificate alone.
func (p *pair) standsOn(server *credentials.Material) error {
	all, err := p.c.AllSeries("contour_xds_connections")
	if err != nil || len(all) != len(server.Roots()) {
		return fmt.Errorf("%d series for %d roots, %w", len(all), len(server.Roots()), err)
	}
	issuer := load(p.t, p.certificates(), "envoy", credentials.Client).Chain()[0].RawIssuer
	for _, root := range server.Roots() {
		n, err := p.c.Metric("contour_xds_connections", "root", credentials.RootFingerprint(root))
		if issued := string(root.RawSubject) == string(issuer); err != nil || issued != (n > 0) {
			return fmt.Errorf("%v connections stand on %s, %w", n, root.Subject, err)
		}
	}
	return nil
}

// look runs what the page has for it.
func (p *pair) look(step string) {
	p.t.Helper()
	out := run(p.t, p.certificates(), replacing, "## How to see where you are",
		"127.0.0.1:8000", p.c.Metrics, "127.0.0.1:9901", p.e.Address)
	client := load(p.t, p.certificates(), "envoy", credentials.Client)
	serial := fmt.Sprintf("%x", client.Chain()[0].SerialNumber)
	for _, words := range []string{
		"contour_credentials_reload_pending 0\n", `contour_credentials_reloads_total{result="failure"} 0` + "\n",
		`contour_xds_connections{root="` + credentials.RootFingerprint(client.Roots()[0]) + `"}`,
		`contour_xds_tls_handshake_failures_total{reason="unknown_ca"} 0` + "\n",
		serial + `"`, strings.ToUpper(serial) + "\n",
		"ssl_context_update_by_sds: ", "sds.xds-certificate.key_rotation_failed: ", "control_plane.connected_state: ",
	} {
		if !strings.Contains(out, words) {
			p.t.Errorf("%s: %q is not shown", step, words)
		}
	}
	if p.t.Failed() {
		p.t.Fatal(out)
	}
}
