package handshake

import (
	"context"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// BenchmarkHold measures what it takes to hold 1,000 live connections to a new
// generation, against verifying the chain of each as a handshake would, which is
// measured by turns in the same run.
func BenchmarkHold(b *testing.B) {
	const fleet = 1000
	ca, other, namesake := certtest.NewCA(b, "root"), certtest.NewCA(b, "other"), certtest.NewCA(b, "root")
	cross := other.CrossSigned(b, ca)
	for _, row := range []struct {
		name          string
		issuer        *certtest.CA
		shared        bool
		before, after []*certtest.CA
	}{
		{"the roots stay", ca, false, trusting(ca), trusting(ca)},
		{"a root comes", ca, false, trusting(ca), trusting(ca, other)},
		{"the root goes", ca, false, trusting(ca), trusting(other)},
		{"the root goes and another has its name", ca, false, trusting(ca), trusting(namesake)},
		{"the same below an intermediate", ca.Intermediate(b, "intermediate"), false, trusting(ca), trusting(namesake)},
		{"the root goes and another verifies them", cross, false, trusting(ca), trusting(other)},
		{"the same, and they share a certificate", cross, true, trusting(ca), trusting(other)},
	} {
		b.Run(row.name, func(b *testing.B) {
			before, after := generation(b, row.before...), generation(b, row.after...)
			var chains [][]*x509.Certificate
			for len(chains) < fleet {
				if row.shared && len(chains) > 0 {
					chains = append(chains, chains[0])
					continue
				}
				chains = append(chains, row.issuer.Issue(b, certtest.Client()).Chain)
			}
			var held, plain time.Duration
			for b.Loop() {
				k := keepLight(b, before, after, chains)
				begun := time.Now()
				if !k.hold(context.Background(), after, before) {
					b.Fatal("it did not come to the end")
				}
				held += time.Since(begun)
				begun = time.Now()
				for _, chain := range chains {
					_, _ = before.VerifyClient(chain, begun)
				}
				plain += time.Since(begun)
			}
			b.ReportMetric(float64(held.Nanoseconds())/float64(b.N*fleet), "held-ns/connection")
			b.ReportMetric(float64(plain.Nanoseconds())/float64(b.N*fleet), "plain-ns/connection")
			b.ReportMetric(float64(held)/float64(plain), "ratio")
			b.ReportMetric(0, "ns/op") // of no interest: most of it is setting up
		})
	}
}

func trusting(cas ...*certtest.CA) []*certtest.CA { return cas }

// keepLight is keep with connections that have no socket.
func keepLight(b *testing.B, before, after *credentials.Material, chains [][]*x509.Certificate) *keeper {
	b.Helper()
	r := newRegister(Limits{}.withDefaults())
	p := &held{}
	p.current.Store(after)
	root := before.Roots()[0]
	for _, chain := range chains {
		c := newConn(nowhereConn{}, r, nil)
		if err := r.enter(c); err != nil {
			b.Fatal(err)
		}
		if err := r.admit(c, standing{presented: chain, root: root, until: chain[0].NotAfter}); err != nil {
			b.Fatal(err)
		}
	}
	return &keeper{register: r, provider: p, guard: noGuard{}, closed: func(*conn, CloseReason, *x509.Certificate, error) {}}
}

// nowhereConn is a connection that is only ever closed.
type nowhereConn struct{ net.Conn }

func (nowhereConn) Close() error { return nil }
