package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// TestEnvoyServesOnWhileContourIsAway stops and kills the server, and finds Envoy
// serving what it had, and taking what is new when the server is back.
func TestEnvoyServesOnWhileContourIsAway(t *testing.T) {
	for name, end := range map[string]func(*contour){"stopped": (*contour).stop, "killed": (*contour).kill} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
			f.wantAnswer(e, "https", "/", "hello")

			end(c)
			envoy.Eventually(t, deadline, "Envoy notices", func() error {
				connected, err := e.Stat("control_plane.connected_state")
				if err == nil && connected != 0 {
					err = fmt.Errorf("it believes itself connected")
				}
				return err
			})
			f.wantAnswer(e, "https", "/", "hello")
			f.wantAnswer(e, "http", "/upstream", "upstream")

			f.writeRoute("changed meanwhile")
			f.serve("--xds-port", c.xdsPort())
			f.wantAnswer(e, "https", "/", "changed meanwhile")
		})
	}
}

func TestABrokenChangeIsRefusedAndTheLastGoodServed(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
	f.wantAnswer(e, "http", "/", "hello")

	f.write("routes.yaml", "resources: [")
	c.wantMetric(1, "contour_resources_reloads_total", "result", "failure")
	envoy.Eventually(t, deadline, "the error is logged", func() error {
		if !strings.Contains(c.log(), "routes.yaml:") {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	f.wantAnswer(e, "http", "/", "hello")

	f.writeRoute("mended")
	f.wantAnswer(e, "http", "/", "mended")
}

// TestARefusalByEnvoyIsCountedAndLoggedOnce sends what only Envoy can tell is
// wrong, and sends it once: a server that answers the refusal with the same again
// does so thousands of times a second.
func TestARefusalByEnvoyIsCountedAndLoggedOnce(t *testing.T) {
	for _, protocol := range []string{"delta-ads", "ads", "delta", "sotw"} {
		t.Run(protocol, func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			c := f.serve()
			e := envoy.Start(t, f.bootstrap(c, f.client, "--xds-protocol", protocol), envoy.Options{})
			f.wantAnswer(e, "http", "/", "hello")

			f.write("routes.yaml", strings.Replace(routesYAML, "prefix: /upstream", `safe_regex: {regex: "[["}`, 1))
			c.wantMetric(1, "contour_xds_nacks_total", "type", "route")
			time.Sleep(time.Second) // in which nothing may happen
			c.wantMetric(1, "contour_xds_nacks_total", "type", "route")
			if n := strings.Count(c.log(), "NACK"); n != 1 || !containsAll(c.log(), `"node":"e2e"`, `"type":"route"`, "[[") {
				t.Errorf("logged %d times, or not with node, type and Envoy's words: %s", n, c.log())
			}
			f.wantAnswer(e, "http", "/", "hello")

			f.writeRoute("mended")
			f.wantAnswer(e, "http", "/", "mended")
		})
	}
}

func TestNewCredentialFilesAskForARestartAndChangeNothingBefore(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	c.wantMetric(0, "contour_credentials_restart_required")

	other := certtest.NewCA(t, "next")
	certtest.WriteFile(t, f.server.CA, other.PEM())
	c.wantMetric(1, "contour_credentials_restart_required")
	envoy.Eventually(t, deadline, "the log says what changed", func() error {
		if !containsAll(c.log(), "restart is required", "--contour-cafile "+f.server.CA) {
			return fmt.Errorf("it does not")
		}
		return nil
	})
	// An Envoy of the old CA is welcome until then, one of the next is not.
	files := f.client
	files.CA = f.t.TempDir() + "/ca.pem"
	certtest.WriteFile(t, files.CA, f.ca.PEM())
	e := envoy.Start(t, f.bootstrap(c, files), envoy.Options{})
	f.wantAnswer(e, "http", "/", "hello")
	stranger := envoy.Start(t, f.bootstrap(c, f.credentials(other, certtest.Client())), envoy.Options{})
	envoy.Eventually(t, deadline, "the next CA's Envoy is refused", func() error {
		n, err := c.metric("contour_xds_tls_handshake_failures_total", "reason", "unknown_ca")
		if err == nil && n == 0 {
			err = fmt.Errorf("not yet")
		}
		return err
	})
	if version, err := stranger.Text("cluster_manager.cds.version_text"); err == nil {
		t.Errorf("it has clusters, of version %s", version)
	}
}

func TestPlaintextServesWhoAsksForIt(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := serve(t, "--resources", f.resources, "--insecure")
	if !strings.Contains(c.log(), "serving plaintext") {
		t.Error("it does not warn")
	}
	e := envoy.Start(t, contourBootstrap(t, "--insecure", "--xds-port", c.xdsPort()), envoy.Options{})
	f.wantAnswer(e, "https", "/", "hello")
	c.wantConnections(1)
	c.wantMetric(0, "contour_xds_tls_handshakes_total", "result", "success")
}

func (c *contour) answers(path string) (int, error) {
	resp, err := http.Get("http://" + c.metrics + path)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// TestReadinessGoesFirst holds the end of the server up with a call that its
// client never ends, and finds it healthy, not ready, and deaf to newcomers.
func TestReadinessGoesFirst(t *testing.T) {
	f := newFixture(t)
	f.write("none.yaml", "resources: []")
	c := f.serve()
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, err := c.answers(path); code != http.StatusOK {
			t.Errorf("%s answers %d, %v", path, code, err)
		}
	}
	conn, err := grpc.NewClient(c.xds, grpc.WithTransportCredentials(f.secure(f.ca.Issue(t, certtest.Client()))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantHealth(t, watch, healthpb.HealthCheckResponse_SERVING)
	c.terminate()
	wantHealth(t, watch, healthpb.HealthCheckResponse_NOT_SERVING)
	if code, err := c.answers("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("while it drains, /readyz answers %d, %v", code, err)
	}
	if code, err := c.answers("/healthz"); code != http.StatusOK {
		t.Errorf("while it drains, /healthz answers %d, %v", code, err)
	}
	c.waitEnded()
}

func wantHealth(t *testing.T, watch healthpb.Health_WatchClient, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if got, err := watch.Recv(); err != nil || got.GetStatus() != want {
		t.Fatalf("health is %v, %v; want %v", got, err, want)
	}
}

// TestNoPrivateKeyIsLogged reads what a run with a few failures left behind.
func TestNoPrivateKeyIsLogged(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve("--log-level", "debug")
	e := envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{})
	f.wantAnswer(e, "https", "/", "hello")
	// The key in a field that takes a number, then in a certificate's place.
	f.write("wrong.yaml", fmt.Sprintf("resources:\n- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: x\n  connect_timeout: |\n        %s\n", indent(f.webKey)))
	c.wantMetric(1, "contour_resources_reloads_total", "result", "failure")
	if err := os.Remove(f.resources + "/wrong.yaml"); err != nil {
		t.Fatal(err)
	}
	f.write("secrets.yaml", fmt.Sprintf(secretsYAML, indent(f.webKey), indent(f.webKey)))
	envoy.Eventually(t, deadline, "the pair is refused by one side or the other", func() error {
		nacks, err := c.metric("contour_xds_nacks_total", "type", "secret")
		if err != nil {
			return err
		}
		failures, err := c.metric("contour_resources_reloads_total", "result", "failure")
		if err == nil && nacks == 0 && failures < 2 {
			err = fmt.Errorf("not yet")
		}
		return err
	})
	c.stop()
	for _, line := range strings.Split(strings.TrimSpace(f.webKey), "\n") {
		for i := 0; i+8 <= len(line); i++ {
			if !strings.HasPrefix(line, "-----") && strings.Contains(c.log(), line[i:i+8]) {
				t.Fatal("key material in the log")
			}
		}
	}
}

// TestAPeerThatNeverSpeaksHTTPDoesNotHoldUpTheEnd has one that is trusted and
// silent: gRPC alone would wait for its first frame as long as for a handshake.
func TestAPeerThatNeverSpeaksHTTPDoesNotHoldUpTheEnd(t *testing.T) {
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve("--handshake-timeout", "10m")
	pair, err := tls.LoadX509KeyPair(f.client.Cert, f.client.Key)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", c.xds, &tls.Config{
		RootCAs: f.ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	envoy.Eventually(t, deadline, "it is through its handshake", func() error {
		n, err := c.server.Connections()
		if err == nil && n != 1 {
			err = fmt.Errorf("%v connections", n)
		}
		return err
	})
	c.stop()
}
