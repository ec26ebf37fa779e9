package howto_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// generation is what the processes of both sides hold that were started at one
// moment.
type generation struct {
	contour *tls.Config
	envoy   *tls.Config
}

// inForce is a provider of what was loaded once, as a process has it until its
// restart.
type inForce struct{ material *credentials.Material }

func (p inForce) Material() (*credentials.Material, error) { return p.material, nil }
func (p inForce) Close() error                             { return nil }

// start is a restart of both sides: each reads what is on disk now.
func start(t *testing.T, dir string) generation {
	t.Helper()
	envoy := load(t, dir, "envoy", credentials.Client)
	set := files(dir, "envoy")
	pair, err := tls.LoadX509KeyPair(set.Cert.Path, set.Key.Path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	for _, root := range envoy.Roots() {
		roots.AddCert(root)
	}
	return generation{
		contour: credentials.ServerTLS(inForce{load(t, dir, "contour", credentials.Server)}),
		envoy: &tls.Config{
			RootCAs: roots, ServerName: "contour", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
			// Envoy shows its certificate whatever CAs the server asks for.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		},
	}
}

// connect makes a connection, and returns why either side refused the other.
func connect(t *testing.T, contour, envoy *tls.Config) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			accepted <- err
			return
		}
		defer conn.Close()
		accepted <- errors.Join(conn.SetDeadline(time.Now().Add(10*time.Second)), tls.Server(conn, contour).Handshake())
	}()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", listener.Addr().String(), envoy)
	if err == nil {
		defer conn.Close()
	}
	return errors.Join(err, <-accepted)
}

// TestReplacingKeepsTheChannelUp goes through each replacement with the commands
// of the page. Within a step, whichever process restarts first, it meets a peer
// of the step before.
func TestReplacingKeepsTheChannelUp(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, making, "")
	dir = filepath.Join(dir, "certificates")
	before := start(t, dir)

	for _, step := range []string{
		"### Contour's",
		"### Envoy's",
		"### Round 1: the new CA into every bundle",
		"### Round 2: new key pairs",
		"### Round 3: the old CA out",
		// And after a rollover, all goes on as before it.
		"### Contour's",
		"### Round 1: the new CA into every bundle",
	} {
		run(t, dir, replacing, step)
		after := start(t, dir)
		for name, pair := range map[string][2]*tls.Config{
			"both are restarted":       {after.contour, after.envoy},
			"contour is restarted":     {after.contour, before.envoy},
			"Envoy is restarted":       {before.contour, after.envoy},
			"neither is restarted yet": {before.contour, before.envoy},
		} {
			if err := connect(t, pair[0], pair[1]); err != nil {
				t.Errorf("%s: when %s: %v", step, name, err)
			}
		}
		before = after
	}
}

// TestNoRoundOfARolloverMayBeSkipped shows that the page's order is needed, and
// that the test above can fail.
func TestNoRoundOfARolloverMayBeSkipped(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, making, "")
	dir = filepath.Join(dir, "certificates")
	old := start(t, dir)
	run(t, dir, replacing, "### Round 1: the new CA into every bundle")
	both := start(t, dir)
	run(t, dir, replacing, "### Round 2: new key pairs")
	renewed := start(t, dir)
	run(t, dir, replacing, "### Round 3: the old CA out")
	done := start(t, dir)

	for name, pair := range map[string][2]*tls.Config{
		"an Envoy that missed round 1 meets a contour of round 2": {renewed.contour, old.envoy},
		"a contour that missed round 1 meets an Envoy of round 2": {old.contour, renewed.envoy},
		"an Envoy that missed round 2 meets a contour of round 3": {done.contour, both.envoy},
		"a contour that missed round 2 meets an Envoy of round 3": {both.contour, done.envoy},
	} {
		if err := connect(t, pair[0], pair[1]); err == nil {
			t.Errorf("%s, and is not refused", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ca.next.key")); err == nil {
		t.Error("two CA keys are left at the end")
	}
}
