package handshake

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// held gives the generation that was set last.
type held struct {
	current atomic.Pointer[credentials.Material]
}

func (h *held) Material() (*credentials.Material, error) { return h.current.Load(), nil }
func (h *held) Close() error                             { return nil }

// keep returns a keeper with a live connection for each chain, verified by verifier,
// and the connections that it closes.
func keep(t *testing.T, verifier *credentials.Material, chains ...[]*x509.Certificate) (k *keeper, conns []*conn, closed func() int) {
	t.Helper()
	r := newRegister(Limits{}.withDefaults())
	count := 0
	p := &held{}
	p.current.Store(verifier)
	k = &keeper{register: r, provider: p, guard: noGuard{}, closed: func(*conn, CloseReason, *x509.Certificate, error) { count++ }}
	for _, chain := range chains {
		c, _ := socket(t, r)
		live(t, r, c, verifier, chain)
		conns = append(conns, c)
	}
	return k, conns, func() int { return count }
}

func live(t testing.TB, r *register, c *conn, verifier *credentials.Material, chain []*x509.Certificate) {
	t.Helper()
	verified, err := verifier.VerifyClient(chain, time.Now())
	if err == nil {
		err = r.enter(c)
	}
	if err == nil {
		err = r.admit(c, standOn(chain, verified))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func generation(t testing.TB, cas ...*certtest.CA) *credentials.Material {
	t.Helper()
	var roots []*x509.Certificate
	for _, ca := range cas {
		roots = append(roots, ca.Cert)
	}
	pair := cas[0].Issue(t, certtest.Server())
	return credentials.NewMaterial(pair.Chain, pair.Key, roots, time.Now())
}

// TestAnOldGenerationClosesNobodyThatANewerOneLetIn has a connection come with the
// next generation while the keeper is at work on the one before.
func TestAnOldGenerationClosesNobodyThatANewerOneLetIn(t *testing.T) {
	before, after := certtest.NewCA(t, "before"), certtest.NewCA(t, "after")
	newer := generation(t, before, after)
	k, _, closed := keep(t, newer, after.Issue(t, certtest.Client()).Chain)
	older := generation(t, before)
	if k.hold(context.Background(), older, older) {
		t.Error("it says that all are held to a generation that is no longer in force")
	}
	if closed() != 0 || k.register.live.count != 1 {
		t.Error("it was closed in the name of an older generation")
	}
	k.provider.(*held).current.Store(older)
	if !k.hold(context.Background(), older, newer) || closed() != 1 || k.register.live.count != 0 {
		t.Error("it was not closed by the generation in force")
	}
}

// TestATrustedRootTakesNoSignature passes over those whose root is still there, by
// showing that a chain which would fail now is not looked at.
func TestATrustedRootTakesNoSignature(t *testing.T) {
	ca, other := certtest.NewCA(t, "root"), certtest.NewCA(t, "other")
	m := generation(t, ca)
	k, conns, closed := keep(t, m, ca.Issue(t, certtest.Client()).Chain)
	conns[0].presented = other.Issue(t, certtest.Client()).Chain
	next := generation(t, ca) // with another certificate of the server
	k.provider.(*held).current.Store(next)
	if !k.hold(context.Background(), next, m) || closed() != 0 {
		t.Error("it was verified anew")
	}
}

// TestARootThatEndsHandsOverToOneOfTheSameKey has the CA's own certificate renewed:
// the leaf goes on.
func TestARootThatEndsHandsOverToOneOfTheSameKey(t *testing.T) {
	root := certtest.NewRoot(t, "root", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Minute) })
	renewed := root.Renewed(t)
	client := root.Issue(t, certtest.Client()).Chain
	m := generation(t, root)
	k, conns, closed := keep(t, m, client)
	both := generation(t, root, renewed)
	k.provider.(*held).current.Store(both)
	k.sweep(root.Cert.NotAfter.Add(time.Second))
	if closed() != 0 {
		t.Fatal("it was closed though another root verifies it")
	}
	if !conns[0].root.cert.Equal(renewed.Cert) {
		t.Error("it does not stand on the root that goes on")
	}
	k.sweep(client[0].NotAfter.Add(time.Second))
	if closed() != 1 {
		t.Error("it was not closed when the leaf ended")
	}
}

// sequence gives one generation after the other, and the last one for ever.
type sequence struct{ generations []*credentials.Material }

func (s *sequence) Material() (*credentials.Material, error) {
	m := s.generations[0]
	if len(s.generations) > 1 {
		s.generations = s.generations[1:]
	}
	return m, nil
}
func (s *sequence) Close() error { return nil }

// TestAConnectionStandsOnTheGenerationThatCameMeanwhile has a generation come into
// force while a connection is verified by the one before.
func TestAConnectionStandsOnTheGenerationThatCameMeanwhile(t *testing.T) {
	ca := certtest.NewRoot(t, "root", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Minute) })
	first, second := ca.Renewed(t), ca.Renewed(t)
	chain := ca.Issue(t, certtest.Client()).Chain
	for _, row := range []struct {
		name string
		hold func(k *keeper, c *conn)
	}{
		{"when it is admitted", func(k *keeper, c *conn) {
			if err := k.welcome(c, standing{presented: chain, root: ca.Cert, until: ca.Cert.NotAfter}); err != nil {
				t.Error(err)
			}
		}},
		{"when its root ends", func(k *keeper, _ *conn) { k.sweep(ca.Cert.NotAfter.Add(time.Second)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, conns, closed := keep(t, generation(t, ca), chain)
			k.provider = &sequence{[]*credentials.Material{generation(t, first), generation(t, second)}}
			row.hold(k, conns[0])
			if closed() != 0 || !conns[0].root.cert.Equal(second.Cert) {
				t.Error("it does not stand on the generation in force")
			}
		})
	}
}

func TestOnlyThoseThatEndedAreFound(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	m := generation(t, ca)
	now := time.Now().Truncate(time.Second)
	var chains [][]*x509.Certificate
	for i := range 20 {
		l := certtest.Client()
		l.NotAfter = now.Add(time.Duration(7*i%20+1) * time.Hour) // in no order
		chains = append(chains, ca.Issue(t, l).Chain)
	}
	k, conns, _ := keep(t, m, chains...)
	for i := range 21 {
		at := now.Add(time.Duration(i) * time.Hour)
		if n := len(k.register.ended(at.Add(time.Second))); n != i {
			t.Errorf("%d ended after %d hours", n, i)
		}
		if n := len(k.register.ended(at)); n != max(i-1, 0) {
			t.Errorf("%d ended at %d hours sharp, to which the last is valid", n, i)
		}
	}
	for i, c := range conns {
		k.register.depart(c)
		if n := len(k.register.ends); n != len(conns)-1-i {
			t.Errorf("%d are watched of %d", n, len(conns)-1-i)
		}
	}
	if len(k.register.roots) != 0 {
		t.Error("a root is counted that nobody stands on")
	}
}
