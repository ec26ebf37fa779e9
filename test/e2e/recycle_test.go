package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/contour-xds/contour/internal/credentials"
	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// A handover is a rollover of a folder of certgen's that reaches a contour which follows
// its files, and an Envoy, as far as the second step.
type handover struct {
	*traffic
	t   *testing.T
	f   *fixture
	c   *contour
	e   *envoy.Envoy
	dir string
	// old and new are the fingerprints of the two CAs.
	old, new string
}

// startHandover makes two steps, with an Envoy that starts after so many of them. Args are
// for its bootstrap.
func startHandover(t *testing.T, version string, after int, args ...string) *handover {
	t.Helper()
	h := newHandover(t)
	for step := range 2 {
		if step == after {
			h.startEnvoy(version, args...)
		}
		certgen(t, "ca", "rotate", h.dir, "--wait", "0s", "--distributed", "--server", "http://"+h.c.metrics)
		h.c.wantMetric(float64(step+1), "contour_credentials_reloads_total", "result", "success")
	}
	h.new = fingerprintOf(t, filepath.Join(h.dir, "ca", "ca.pem"))
	h.wantOn(h.old, 1)
	return h
}

// newHandover makes the folder, and starts contour.
func newHandover(t *testing.T) *handover {
	t.Helper()
	h := &handover{t: t, f: newFixture(t), dir: filepath.Join(t.TempDir(), "certificates")}
	certgen(t, h.dir)
	h.old = fingerprintOf(t, filepath.Join(h.dir, "ca", "ca.pem"))
	h.f.server, h.f.client = madeBy(h.dir, "contour"), madeBy(h.dir, "envoy")
	h.f.writeAll(overADS, newUpstream(t))
	h.c = h.f.serve("--credential-provider", "watch")
	return h
}

func (h *handover) startEnvoy(version string, args ...string) {
	h.t.Helper()
	path := h.f.bootstrap(h.c, h.f.client, args...)
	retryQuickly(h.t, path)
	h.e = envoy.Start(h.t, path, envoy.Options{Version: version})
	h.f.wantAnswer(h.e, "https", "/upstream", "upstream")
	address, err := h.e.ListenerAddress("https")
	must(h.t, err)
	h.traffic = startTraffic(h.t, h.f, "https://"+address+"/", "https://"+address+"/upstream")
}

// fingerprintOf is that of the one certificate in a file, as the metrics have it.
func fingerprintOf(t *testing.T, path string) string {
	t.Helper()
	return credentials.RootFingerprint(certificateIn(t, path))
}

func certificateIn(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return cert
}

// wantOn waits until so many connections stand on a CA.
func (h *handover) wantOn(root string, want float64) {
	h.t.Helper()
	h.c.wantMetric(want, "contour_xds_connections", "root", root)
}

// wantNewPair waits until Envoy has its certificate of now in use, if not for the
// connection that it has.
func (h *handover) wantNewPair() {
	h.t.Helper()
	serial := fmt.Sprintf("%x", certificateIn(h.t, h.f.client.Cert).SerialNumber)
	envoy.Eventually(h.t, deadline, "Envoy has its new certificate in use", func() error {
		certs, err := h.e.Get("/certs")
		if err == nil && !strings.Contains(string(certs), serial) {
			err = errors.New("not yet")
		}
		return err
	})
}

// rotate makes the next step, and returns what is printed.
func (h *handover) rotate(args ...string) (string, error) {
	h.t.Helper()
	args = append([]string{"certgen", "ca", "rotate", h.dir, "--wait", "0s", "--server", "http://" + h.c.metrics}, args...)
	out, err := exec.Command(contourtest.Binary(h.t), args...).CombinedOutput()
	return string(out), err
}

func TestRecyclingEndsARolloverWithoutARestart(t *testing.T) {
	t.Parallel()
	endsARollover(t, envoy.Version)
}

// endsARollover has an Envoy with a new certificate and an old connection, which alone
// keeps the old CA from being taken out.
func endsARollover(t *testing.T, version string) {
	h := startHandover(t, version, 0, "--resources-dir", filepath.Join(t.TempDir(), "sds"))
	h.wantNewPair()
	if out, err := h.rotate(); err == nil || !strings.Contains(out, "it has 1 connections with certificates of the old CA "+h.old) {
		t.Fatalf("step 3 is made, or refused for another reason: %v\n%s", err, out)
	}
	h.wantOn(h.old, 1)

	out, err := h.rotate("--recycle", h.c.xds)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{h.c.xds + ": closed 1 connections of the old CA " + h.old, "all clients are back", "Step 3 of 3 is made"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	h.c.wantMetric(3, "contour_credentials_reloads_total", "result", "success")
	h.wantOn(h.new, 1)
	h.f.writeRoute("after the rollover")
	h.f.wantAnswer(h.e, "https", "/", "after the rollover")
	h.c.wantMetric(1, "contour_xds_connections_closed_total", "reason", "recycled")
	h.c.wantMetric(0, "contour_xds_connections_closed_total", "reason", "root_removed")
	h.wantNoFailure()
}

// TestRecyclingTellsOfAnEnvoyThatIsNotReady asks those that read their files once. The third
// step would have cut either of them off.
func TestRecyclingTellsOfAnEnvoyThatIsNotReady(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		after     int
		says      string
		connected bool
	}{
		{"it trusts both CAs and has its old certificate", 1, "1 connections stand on the old CA OLD again", true},
		{"it trusts the old CA alone", 0, "1 connections fewer are open than before", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := startHandover(t, envoy.Version, row.after)
			out, err := h.rotate("--recycle", h.c.xds, "--recycle-wait", "3s")
			want := "step 3 of 3 is refused: after 3s, " + strings.ReplaceAll(row.says, "OLD", h.old)
			if err == nil || !strings.Contains(out, want) {
				t.Errorf("no %q in %s, %v", want, out, err)
			}
			if !strings.Contains(h.c.log(), `"reason":"recycled"`) {
				t.Error("it can't be found in the log")
			}
			if row.connected {
				h.wantOn(h.old, 1)
				h.f.writeRoute("as before")
				h.f.wantAnswer(h.e, "https", "/", "as before")
			}
			h.wantNoFailure()
		})
	}
}

// TestPlaintextHasNothingForOperators asks a contour that could not tell who asks.
func TestPlaintextHasNothingForOperators(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := serve(t, "--resources", f.resources, "--insecure")
	conn, err := grpc.NewClient(c.xds, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	err = conn.Invoke(t.Context(), "/contour.channel.v1.Connections/Recycle", wrapperspb.String("00"), new(wrapperspb.UInt64Value))
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}
