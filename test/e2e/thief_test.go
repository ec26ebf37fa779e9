package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// quick are the protocols of the tests that do not go through all of them.
var quick = []protocol{protocols[0], protocols[1]}

// TestAThiefGetsNothing has an Envoy of one group ask for the other's secret, in its own
// static configuration, where contour has no say. It gets nothing, and serves its own.
func TestAThiefGetsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range quick {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			thiefGetsNothing(t, p)
		})
	}
}

func thiefGetsNothing(t *testing.T, p protocol) {
	h := newHouse(t, p)
	h.start(h.guarded()...)
	owner := h.envoy(inner, inner)
	thief := h.envoy(edge, edge, h.listening("stolen", "cert-"+inner), h.listening("spare", "spare-"+edge))
	h.wantAnswer(owner, "https", "/", "hello from inner")
	h.wantAnswer(thief, "https", "/", "hello from edge")
	h.wantDenied("secret_forbidden")
	h.wantStolenNothing(thief)
	h.wantNoCertificate(thief, "spare")

	// What changes of the secret does not reach it either.
	h.write("groups/inner/secrets.yaml", "resources:"+h.secret("cert-inner")+h.secret("spare-inner"))
	h.say(edge, "and again")
	h.wantAnswer(thief, "https", "/", "and again")
	h.wantStolenNothing(thief)
	for _, e := range []*envoy.Envoy{owner, thief} {
		wantOneConnection(t, e)
	}
	for _, words := range []string{`"reason":"secret_forbidden"`, `"secret":"cert-inner"`, spiffeOf(edge)} {
		if !strings.Contains(h.c.log(), words) {
			t.Errorf("%s is not in contour's log", words)
		}
	}
}

func (h *house) wantStolenNothing(thief *envoy.Envoy) {
	h.t.Helper()
	h.wantNoCertificate(thief, "stolen")
	certs, err := thief.Get("/config_dump?resource=dynamic_active_secrets")
	must(h.t, err)
	if !strings.Contains(string(certs), "cert-edge") || strings.Contains(string(certs), "cert-inner") {
		h.t.Errorf("of the secrets, it has: cert-edge %v, cert-inner %v",
			strings.Contains(string(certs), "cert-edge"), strings.Contains(string(certs), "cert-inner"))
	}
}

// TestAnEnvoyThatClaimsAnotherGroupGetsNothing has a certificate of one group, and a
// node.cluster of the other.
func TestAnEnvoyThatClaimsAnotherGroupGetsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range quick {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, p)
			h.start(h.guarded()...)
			e := h.envoy(edge, inner)
			h.wantDenied("group_forbidden")
			envoy.Eventually(t, deadline, "Envoy is told why", func() error {
				if words := "7, the certificate's identity may not join the group"; !strings.Contains(e.Log(), words) {
					return fmt.Errorf("%q is not in its log", words)
				}
				return nil
			})
			wantNothingServed(t, e)
			if strings.Contains(e.Log(), "cert-inner") {
				t.Error("it was told of the other group's secret")
			}
		})
	}
}

// TestWithoutAPolicyNobodyGetsWhatItsGroupDoesNotReferTo is the least that holds by
// default.
func TestWithoutAPolicyNobodyGetsWhatItsGroupDoesNotReferTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, protocols[0])
	h.start()
	thief := h.envoy(edge, edge, h.listening("stolen", "cert-"+inner), h.listening("spare", "spare-"+edge))
	h.wantAnswer(thief, "https", "/", "hello from edge")
	h.wantDenied("secret_forbidden")
	h.wantStolenNothing(thief)
	h.wantNoCertificate(thief, "spare")
	if !strings.Contains(h.c.log(), "without --access-policy") {
		t.Error("contour does not warn")
	}
}

// TestAGrantReachesAnEnvoyThatWaits has a policy come that grants what an Envoy asked
// for in vain, and one that takes it away again.
func TestAGrantReachesAnEnvoyThatWaits(t *testing.T) {
	t.Parallel()
	for _, p := range protocols[:4] {
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, p)
			h.start(h.guarded()...)
			e := h.envoy(edge, edge, h.listening("spare", "spare-"+edge))
			h.wantAnswer(e, "https", "/", "hello from edge")
			h.wantDenied("secret_forbidden")
			h.wantNoCertificate(e, "spare")
			h.decide(strings.TrimSuffix(ruleOf(edge, edge), "}") + ", secrets: [spare-edge]}")
			envoy.Eventually(t, deadline, "the listener has its certificate", func() error {
				address, err := e.ListenerAddress("spare")
				if err == nil {
					_, err = presented(address, h.web.Pool())
				}
				return err
			})
			wantOneConnection(t, e)
			h.wantKept(e)
		})
	}
}

// wantKept changes what is served, and waits for it.
func (h *house) wantKept(e *envoy.Envoy) {
	h.t.Helper()
	h.say(edge, "still here")
	h.wantAnswer(e, "https", "/", "still here")
	if closed, err := h.c.above("contour_xds_connections_closed_total", "reason"); err != nil || len(closed) > 0 {
		h.t.Error(errors.Join(err, fmt.Errorf("connections were closed: %v", closed)))
	}
}
