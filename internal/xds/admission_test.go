package xds_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/xds"
)

// A revised gate decides as a test has it, and may be told to decide otherwise.
type revised struct {
	mu       sync.Mutex
	secrets  []string
	denial   error
	next     chan struct{}
	withheld []string
	expelled []error
	// claims are what clients said that they are.
	claims []string
}

func newRevised(secrets ...string) *revised {
	return &revised{secrets: secrets, next: make(chan struct{})}
}

func (g *revised) Join(_ *grpcpeer.Peer, group, nodeID string) (xds.Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claims = append(g.claims, group+"/"+nodeID)
	if g.denial != nil {
		return xds.Pass{}, g.denial
	}
	return xds.Pass{Secrets: g.secrets, Withheld: g.withhold, Expel: g.expel}, nil
}

func (g *revised) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next
}

func (g *revised) withhold(secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.withheld = append(g.withheld, secret)
}

func (g *revised) expel(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expelled = append(g.expelled, why)
}

// revise has it decide otherwise from now on.
func (g *revised) revise(denial error, secrets ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.denial, g.secrets = denial, secrets
	close(g.next)
	g.next = make(chan struct{})
}

func (g *revised) seen() (withheld []string, expelled int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.withheld), len(g.expelled)
}

// twoSecrets has a listener that refers to one of two secrets.
const twoSecrets = "resources:\n" + probes + `- {"@type": ` + secretType + `, name: referred, generic_secret: {secret: {inline_string: one}}}
- {"@type": ` + secretType + `, name: other, generic_secret: {secret: {inline_string: two}}}
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: c
  connect_timeout: 1s
  transport_socket:
    name: tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
      common_tls_context:
        tls_certificate_sds_secret_configs: [{name: referred, sds_config: {resource_api_version: V3, ads: {}}}]
`

func gated(t *testing.T, gate xds.Gate) *fixture {
	t.Helper()
	return start(t, func(cfg *xds.Config) { cfg.Gate, cfg.Snapshots = gate, snapshot(t, twoSecrets) })
}

func bothVariants(t *testing.T, run func(t *testing.T, delta bool)) {
	t.Helper()
	for name, delta := range map[string]bool{"state of the world": false, "delta": true} {
		t.Run(name, func(t *testing.T) { run(t, delta) })
	}
}

// has waits until the peer has just these secrets.
func (p *peer) has(want ...string) {
	p.t.Helper()
	for range 10 {
		var names []string
		for name := range p.of("secret").view {
			names = append(names, name)
		}
		slices.Sort(names)
		if slices.Equal(names, want) {
			return
		}
		p.next()
		p.answer("secret", false)
	}
	p.t.Fatalf("it never has just %v", want)
}

// TestAClientGetsTheSecretsThatItsResourcesReferToAndNoOther names both, and one that
// does not exist, by name and by the wildcard.
func TestAClientGetsTheSecretsThatItsResourcesReferToAndNoOther(t *testing.T) {
	bothVariants(t, func(t *testing.T, delta bool) {
		gate := newRevised()
		f := gated(t, gate)
		named := newPeer(t, f.conn, delta)
		named.subscribe("secret", []string{"other", "referred", "missing"}, nil)
		named.has("referred")
		if withheld, _ := gate.seen(); !slices.Equal(withheld, []string{"other"}) {
			t.Errorf("withheld are %v", withheld)
		}
		all := newPeer(t, f.conn, delta)
		all.subscribe("secret", []string{"*"}, nil)
		all.has("referred")
	})
}

// TestASecretThatIsGrantedComesAtOnce has the gate grant more, and then less.
func TestASecretThatIsGrantedComesAtOnce(t *testing.T) {
	bothVariants(t, func(t *testing.T, delta bool) {
		gate := newRevised()
		p := newPeer(t, gated(t, gate).conn, delta)
		p.subscribe("secret", []string{"other", "referred"}, nil)
		p.has("referred")
		gate.revise(nil, "other")
		p.has("other", "referred")
		if delta { // the other variant can't take a secret back
			gate.revise(nil)
			p.has("referred")
		}
	})
}

// TestAClientThatIsLetInNoMoreLosesItsConnection has the gate deny a client that is in.
func TestAClientThatIsLetInNoMoreLosesItsConnection(t *testing.T) {
	bothVariants(t, func(t *testing.T, delta bool) {
		gate := newRevised()
		p := newPeer(t, gated(t, gate).conn, delta)
		p.subscribe("secret", []string{"referred"}, nil)
		p.has("referred")
		gate.revise(errors.New("not any more"))
		p.wantDenied("not any more")
		if _, expelled := gate.seen(); expelled != 1 {
			t.Errorf("its connection is closed %d times", expelled)
		}
	})
}

// TestAClientThatMayNotJoinGetsNothing is told what is missing, and its connection is
// left alone: it has nothing, and may ask for what it may have.
func TestAClientThatMayNotJoinGetsNothing(t *testing.T) {
	bothVariants(t, func(t *testing.T, delta bool) {
		gate := newRevised()
		gate.denial = errors.New("not this group")
		p := newPeer(t, gated(t, gate).conn, delta)
		p.subscribe("secret", []string{"*"}, nil)
		p.wantDenied("not this group")
		if _, expelled := gate.seen(); expelled != 0 {
			t.Error("its connection is closed")
		}
	})
}

// wantDenied waits for the end of the stream, before which nothing comes.
func (p *peer) wantDenied(words string) {
	p.t.Helper()
	select {
	case u, ok := <-p.updates:
		if ok {
			p.t.Fatalf("it is sent %s", u)
		}
	case <-time.After(patience):
		p.t.Fatal("the stream goes on")
	}
	if status.Code(p.err) != codes.PermissionDenied || !strings.Contains(p.err.Error(), words) {
		p.t.Errorf("the stream ended with %v", p.err)
	}
}

// TestASecretThatIsWithdrawnGoesAtOnce has a client lose a grant while it drains a
// listener, for whose sake what nothing refers to any more is kept otherwise.
func TestASecretThatIsWithdrawnGoesAtOnce(t *testing.T) {
	bothVariants(t, func(t *testing.T, delta bool) {
		gate := newRevised("other")
		f := start(t, func(cfg *xds.Config) {
			cfg.Gate, cfg.Snapshots, cfg.ListenerDrain = gate, snapshot(t, twoSecrets+listenerAt(1)), time.Hour
		})
		p := newPeer(t, f.conn, delta)
		p.subscribe("secret", []string{"*"}, nil)
		p.has("other", "referred")
		p.subscribe("listener", nil, nil)
		p.next()
		p.answer("listener", false)
		f.Publish(snapshot(t, twoSecrets+listenerAt(2))) // it drains the one before
		p.next()
		p.answer("listener", false)
		gate.revise(nil)
		if delta {
			p.has("referred")
			return
		}
		// This variant can't take a secret back, but what it is sent from now on lacks it.
		f.Publish(snapshot(t, strings.Replace(twoSecrets, "inline_string: one", "inline_string: three", 1)+listenerAt(2)))
		for u := p.next(); ; u = p.next() {
			if u.label != "secret" {
				continue
			}
			if _, there := u.changed["other"]; there {
				t.Errorf("it is sent %s", u)
			}
			return
		}
	})
}

// listenerAt is a listener on a port.
func listenerAt(port int) string {
	return fmt.Sprintf("- {\"@type\": %s, name: l, address: {socket_address: {address: 127.0.0.1, port_value: %d}}}\n", typeURL("listener"), port)
}
