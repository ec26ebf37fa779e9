package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
)

// A cutting is a way to take its connection from the Envoy of the group edge.
type cutting struct {
	title string
	cut   func(*house)
	// closed is the reason for which the connection is, and refused that of the
	// handshakes after it; empty is that it gets a connection, and denied says what it
	// then does not get.
	closed, refused, denied string
}

var cuttings = []cutting{
	{"its certificate is revoked", func(h *house) { h.revoke(edge) }, "revoked", "revoked", ""},
	{"its rule is gone", func(h *house) { h.decide(ruleOf(inner, inner)) }, "forbidden", "no_rule", ""},
	{"its group is taken away", func(h *house) { h.decide(ruleOf(edge, "elsewhere"), ruleOf(inner, inner)) }, "forbidden", "", "group_forbidden"},
}

// TestAnEnvoyIsCutOffAndNoOther takes the connection from one of two Envoys, while both
// are sent changes and asked for answers. It is out, at once and for good; the other
// one never notices.
func TestAnEnvoyIsCutOffAndNoOther(t *testing.T) {
	t.Parallel()
	eachCutOff(t, protocols[0])
}

func eachCutOff(t *testing.T, p protocol) {
	for _, c := range cuttings {
		t.Run(c.title+", "+p.title(), func(t *testing.T) {
			t.Parallel()
			cutsOff(t, p, c)
		})
	}
}

func cutsOff(t *testing.T, p protocol, c cutting) {
	h := newHouse(t, p)
	h.start(append(h.guarded(), drainsQuickly...)...)
	out, in := h.envoy(edge, edge), h.envoy(inner, inner)
	h.wantAnswer(out, "https", "/", "hello from edge")
	h.wantAnswer(in, "https", "/", "hello from inner")
	h.c.wantConnections(2)
	address, err := in.ListenerAddress("https")
	must(t, err)
	traffic := startTraffic(t, h.fixture, "https://"+address)
	stop := h.keepChanging()

	start := time.Now()
	c.cut(h)
	h.wantClosedOnce(c.closed)
	took := time.Since(start)
	t.Logf("the connection was closed after %v", took)
	if took > cutOff {
		t.Errorf("that is more than %v", cutOff)
	}

	h.wantOut(out, c)
	stop()
	h.say(edge, "too late")
	h.say(inner, "the last word")
	h.wantAnswer(in, "https", "/", "the last word")
	wantOneConnection(t, in)
	traffic.wantNoFailure()
	h.wantClosedOnce(c.closed)
	h.wantStillServing(out)
}

// keepChanging changes what both groups have, until told to stop.
func (h *house) keepChanging() (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-h.t.Context().Done(): // of a test that failed
				return
			case <-time.After(300 * time.Millisecond):
			}
			h.say(edge, fmt.Sprintf("edge %d", n))
			h.say(inner, fmt.Sprintf("inner %d", n))
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// wantClosedOnce waits until one connection was closed, for that reason, and holds all
// others to none.
func (h *house) wantClosedOnce(reason string) {
	h.t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		closed, err := h.c.above("contour_xds_connections_closed_total", "reason")
		must(h.t, err)
		if len(closed) == 1 && closed[reason] == 1 {
			return
		}
		if len(closed) > 1 || time.Since(start) > deadline {
			h.t.Fatalf("connections were closed: %v, want one for %s", closed, reason)
		}
	}
}

// wantOut waits until the Envoy has tried to come back, in vain.
func (h *house) wantOut(e *envoy.Envoy, c cutting) {
	h.t.Helper()
	if c.denied != "" {
		h.wantDenied(c.denied)
		return
	}
	h.wantDenied(c.refused)
	envoy.Eventually(h.t, deadline, "Envoy tries to come back", func() error {
		refused, err := h.c.above("contour_xds_tls_handshake_failures_total", "reason")
		if err == nil && (len(refused) != 1 || refused[c.refused] < 2) {
			err = fmt.Errorf("handshakes failed: %v", refused)
		}
		return err
	})
	envoy.Eventually(h.t, deadline, "Envoy shows it", func() error {
		n, err := e.Stat("cluster.contour.ssl.connection_error")
		if err == nil && (n == 0 || !strings.Contains(e.Log(), "SSLV3_ALERT_BAD_CERTIFICATE")) {
			err = errors.New("it does not")
		}
		return err
	})
	h.c.wantConnections(1)
}

// wantStillServing holds an Envoy that was cut off to what it had: it serves on, and
// heard nothing of what came after.
func (h *house) wantStillServing(e *envoy.Envoy) {
	h.t.Helper()
	address, err := e.ListenerAddress("https")
	must(h.t, err)
	if words, err := h.get("https://"+address, h.web.Pool()); err != nil || words == "too late" {
		h.t.Errorf("it answers %q, %v", words, err)
	}
}
