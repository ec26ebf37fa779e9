package kubernetes

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/pemfile"
	"github.com/contour-xds/contour/test/envoy"
)

// constantly calls one function after the other in a goroutine each, over and over
// again. The function that it returns ends that, and returns how often each was
// called. An error is a failure of the test.
func constantly(t *testing.T, what map[string]func() error) (stop func() map[string]int) {
	t.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	var mu sync.Mutex
	counts := make(map[string]int)
	for name, call := range what {
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
				if err := call(); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				counts[name]++
				mu.Unlock()
			}
		})
	}
	end := sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
	t.Cleanup(end)
	return func() map[string]int {
		end()
		return counts
	}
}

// rollout replaces the replicas of contour as the Deployment says: one more before
// one less, and no new connection to one that is to end.
func (d *deployment) rollout(s *service, replicas []*contour) []*contour {
	d.t.Helper()
	for _, old := range slices.Clone(replicas) {
		replicas = append(replicas, d.startReplica(s))
		s.remove(old.address())
		time.Sleep(100 * time.Millisecond) // preStop: a connection that was accepted is forwarded by now
		old.terminate()
		replicas = replicas[1:]
	}
	return replicas
}

func (d *deployment) startReplica(s *service) *contour {
	d.t.Helper()
	c := d.startContour(freePort(d.t))
	s.add(c.address())
	return c
}

func (c *contour) address() string { return fmt.Sprintf("127.0.0.1:%d", c.xds) }

// TestNewCertificatesLeaveNoGap takes both sides through new key pairs and then
// through a new CA, in the rounds of the howto. Both take them over as they run; then
// contour's two replicas are replaced, as for a new image, so that Envoy connects anew.
// All the while requests go through Envoy, and some Envoy that starts asks for a
// handshake. None fails.
func TestNewCertificatesLeaveNoGap(t *testing.T) {
	d := newDeployment(t)
	s := newService(t, fmt.Sprintf("127.0.0.1:%d", d.xds))
	replicas := []*contour{d.startReplica(s), d.startReplica(s)}
	p, e := d.startEnvoy()
	d.waitReady("envoy", e, d.readiness)

	newcomer := &newcomer{address: s.listener.Addr().String()}
	newcomer.trust(t, d.ca, d.ca)
	stop := constantly(t, map[string]func() error{
		"an Envoy that starts":    newcomer.connect,
		"a request through Envoy": func() error { return getOK(fmt.Sprintf("http://127.0.0.1:%d/hello", d.http)) },
	})

	next := certtest.NewCA(t, "next")
	both := slices.Concat(next.PEM(), d.ca.PEM())
	for _, round := range []struct {
		name   string
		issuer *certtest.CA
		bundle []byte
		trust  []*certtest.CA
	}{
		{"new key pairs of the same CA", d.ca, d.ca.PEM(), []*certtest.CA{d.ca}},
		{"1. the new CA into every bundle", d.ca, both, []*certtest.CA{d.ca, next}},
		{"2. new key pairs", next, both, []*certtest.CA{d.ca, next}},
		{"3. the old CA out", next, next.PEM(), []*certtest.CA{next}},
	} {
		d.issue(round.issuer, round.bundle)
		wantReloaded(replicas)
		d.wantTaken(p)
		newcomer.trust(t, round.issuer, round.trust...)
		replicas = d.rollout(s, replicas)
		envoy.Eventually(t, deadline, "Envoy, with its new files, is back", func() error { return wantStream(replicas) })
		if t.Failed() {
			t.Fatalf("that was in the round %q", round.name)
		}
	}
	for name, n := range stop() {
		if n < 100 {
			t.Errorf("%s was tried %d times only", name, n)
		}
	}
}

// wantReloaded brings the volumes of running replicas up to date, and waits until each
// has taken over what is new in them.
func wantReloaded(replicas []*contour) {
	for _, c := range replicas {
		c.t.Helper()
		c.pod.refresh()
		wantMetric(c.t, c.metrics, `contour_credentials_reloads_total{result="success"}`, "1")
		wantMetric(c.t, c.metrics, "contour_credentials_reload_pending", "0")
	}
}

// wantTaken brings the volumes of the running Envoy up to date, and waits until it has
// taken over the new pair and the new bundle.
func (d *deployment) wantTaken(p *pod) {
	d.t.Helper()
	p.refresh()
	for _, file := range []string{"tls.crt", "ca.crt"} {
		certs, err := pemfile.Certificates(d.objects["Secret envoy-channel"][file])
		must(d.t, err)
		envoy.Eventually(d.t, deadline, "Envoy shows what its Secret holds", func() error {
			shown, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/certs", d.admin))
			for _, cert := range certs {
				if err == nil && !strings.Contains(shown, fmt.Sprintf("%x", cert.SerialNumber)) {
					err = fmt.Errorf("it shows %s", shown)
				}
			}
			return err
		})
	}
}

// wantStream is nil when an Envoy has a stream with one of the replicas. A mere
// handshake is none.
func wantStream(replicas []*contour) error {
	for _, c := range replicas {
		text, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/metrics", c.metrics))
		if err != nil {
			return err
		}
		if openStream.MatchString(text) {
			return nil
		}
	}
	return errors.New("no replica has a stream")
}

var openStream = regexp.MustCompile(`(?m)^contour_xds_streams\{.*\} [1-9]`)

// newcomer is an Envoy that connects for the first time, over and over again.
type newcomer struct {
	address string

	mu     sync.Mutex
	config *tls.Config // guarded by mu
}

// trust takes a certificate of issuer, and roots for the server's.
func (n *newcomer) trust(t *testing.T, issuer *certtest.CA, roots ...*certtest.CA) {
	t.Helper()
	pool := roots[0].Pool()
	for _, ca := range roots[1:] {
		pool.AddCert(ca.Cert)
	}
	pair := issuer.Issue(t, certtest.Client()).TLS()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.config = &tls.Config{
		RootCAs: pool, ServerName: certtest.ServerName, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	}
}

// connect is nil when the server has accepted the certificate and begun to speak
// HTTP/2, which it does after it has verified the client.
func (n *newcomer) connect() error {
	n.mu.Lock()
	config := n.config
	n.mu.Unlock()
	conn, err := tls.Dial("tcp", n.address, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 9)) // the head of the server's settings frame
	return err
}

// TestAnEnvoyThatEndsIsRidOfItsConnections takes an Envoy out of its Service while
// clients with lasting connections send one request after the other, waits as long
// as preStop does, in proportion, and ends it. No request fails.
func TestAnEnvoyThatEndsIsRidOfItsConnections(t *testing.T) {
	d := newDeployment(t)
	// What the listener says in the folder, shortened.
	d.replace("contour-resources", "listeners.yaml", "max_connection_duration: 45s", "max_connection_duration: 2s")
	d.replace("contour-resources", "listeners.yaml", "drain_timeout: 5s", "drain_timeout: 1s")
	d.startContour(d.xds)
	_, e := d.startEnvoy()
	d.waitReady("envoy", e, d.readiness)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello from contour\n") }))
	t.Cleanup(other.Close)

	s := newService(t, "127.0.0.1:0")
	first := fmt.Sprintf("127.0.0.1:%d", d.http)
	s.add(first)
	url := "http://" + s.listener.Addr().String() + "/hello"
	clients := make(map[string]func() error)
	for i := range 4 {
		clients[fmt.Sprintf("client %d", i)] = lastingClient(t, url)
	}
	stop := constantly(t, clients)
	envoy.Eventually(t, deadline, "the clients are connected to the first Envoy", func() error { return d.wantConnections(4) })

	s.add(other.Listener.Addr().String())
	s.remove(first)
	time.Sleep(4 * time.Second) // 2 s, 1 s, and a request
	if err := d.wantConnections(0); err != nil {
		t.Errorf("when preStop ends: %v", err)
	}
	e.terminate()
	for name, n := range stop() {
		if n < 50 {
			t.Errorf("%s sent %d requests only", name, n)
		}
	}
}

// lastingClient returns a function that sends a request over the one connection
// that all its calls share, for as long as the server keeps it. It is a POST, which
// Go's client does not quietly send again when the connection ends under it.
func lastingClient(t *testing.T, url string) func() error {
	t.Helper()
	transport := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Timeout: 5 * time.Second, Transport: transport}
	return func() error {
		resp, err := client.Post(url, "", http.NoBody)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
}

// wantConnections asks Envoy for the connections of the listener http.
func (d *deployment) wantConnections(n int) error {
	stat, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/stats?filter=^http.http.downstream_cx_active$", d.admin))
	if err == nil && stat != fmt.Sprintf("http.http.downstream_cx_active: %d\n", n) {
		err = fmt.Errorf("want %d connections, got %q", n, stat)
	}
	return err
}
