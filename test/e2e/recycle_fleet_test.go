package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// A fleet is two contours of one folder of certgen's, each with an Envoy, both of which
// follow their files.
type fleet struct {
	t             *testing.T
	first, second *handover
}

// startFleet makes two steps of a rollover, after which each Envoy has its new pair, and
// stands on the old CA.
func startFleet(t *testing.T) fleet {
	t.Helper()
	h := newHandover(t)
	f := fleet{t, h, &handover{t: t, f: h.f, dir: h.dir, old: h.old, c: h.f.serve("--credential-provider", "watch")}}
	f.each(func(h *handover) {
		h.startEnvoy(envoy.Version, "--resources-dir", filepath.Join(t.TempDir(), "sds"))
	})
	for step := range 2 {
		if out, err := f.rotate("--distributed"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		f.wantLoaded(step + 1)
	}
	f.each(func(h *handover) {
		h.new = fingerprintOf(t, filepath.Join(h.dir, "ca", "ca.pem"))
		h.wantNewPair()
		h.wantOn(h.old, 1)
	})
	return f
}

func (f fleet) each(do func(*handover)) {
	f.t.Helper()
	for _, h := range []*handover{f.first, f.second} {
		do(h)
	}
}

// rotate makes the next step, and asks both contours whether they are ready for it.
func (f fleet) rotate(args ...string) (string, error) {
	f.t.Helper()
	return f.first.rotate(append([]string{"--server", "http://" + f.second.c.metrics}, args...)...)
}

// wantLoaded waits until each contour has loaded the files of so many steps.
func (f fleet) wantLoaded(steps int) {
	f.t.Helper()
	f.each(func(h *handover) {
		h.c.wantMetric(float64(steps), "contour_credentials_reloads_total", "result", "success")
	})
}

// wantServed has a change reach both Envoys, and finds that no request failed until then.
func (f fleet) wantServed(words string) {
	f.t.Helper()
	f.first.f.writeRoute(words)
	f.each(func(h *handover) {
		h.f.wantAnswer(h.e, "https", "/", words)
		h.c.wantMetric(0, "contour_xds_connections_closed_total", "reason", "root_removed")
		h.wantNoFailure()
	})
}

// TestRecyclingEndsARolloverOfTwoContours asks both in one command, by which both of their
// Envoys come back, and the old CA can go.
func TestRecyclingEndsARolloverOfTwoContours(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	out, err := f.rotate("--recycle", f.first.c.xds+","+f.second.c.xds)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		f.first.c.xds + ": closed 1 connections of the old CA " + f.first.old,
		f.second.c.xds + ": closed 1 connections of the old CA " + f.first.old,
		"all clients are back", "Step 3 of 3 is made",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	f.wantLoaded(3)
	f.each(func(h *handover) {
		h.wantOn(h.new, 1)
		h.c.wantMetric(1, "contour_xds_connections_closed_total", "reason", "recycled")
		h.c.wantMetric(1, "contour_xds_recycle_calls_total", "result", "done")
	})
	f.wantServed("after the rollover")
}

// TestRecyclingTellsOfAContourThatWasNotAsked names one of both, and the step is refused for
// the Envoy of the other, which is not disturbed.
func TestRecyclingTellsOfAContourThatWasNotAsked(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	out, err := f.rotate("--recycle", f.first.c.xds, "--recycle-wait", "3s")
	want := "step 3 of 3 is refused: after 3s, 1 connections stand on the old CA " + f.first.old
	if err == nil || !strings.Contains(out, want) {
		t.Errorf("no %q in %s, %v", want, out, err)
	}
	f.first.wantOn(f.first.new, 1)
	f.second.wantOn(f.second.old, 1)
	f.second.c.wantMetric(0, "contour_xds_connections_closed_total", "reason", "recycled")
	f.wantServed("before the third step")
}
