package handshake_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

// soon is a certificate that ends in two seconds, or nearly: certificates have whole
// seconds.
func soon() (certtest.Leaf, time.Time) {
	end := time.Now().Add(2 * time.Second).Truncate(time.Second)
	return leaf(func(l *certtest.Leaf) { l.NotAfter = end }), end
}

func TestAConnectionIsClosedWhenItsCertificateEnds(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	k := newKeeping(t, ca)
	lasting := k.envoy(ca.Issue(t, certtest.Client()))
	brief, end := soon()
	ending := k.envoy(ca.Issue(t, brief))
	k.wantOn(ca, 2)
	ending.wantEnded(end)
	lasting.wantOpen()
	k.wantOn(ca, 1)
	k.eventually("it is counted as closed", func() bool { return k.closedFor(handshake.CertificateExpired) == 1 })
	for _, want := range []string{`msg="closed a connection" remote=127.0.0.1:`, "reason=certificate_expired", "not_after=" + end.UTC().Format(time.RFC3339)} {
		if !strings.Contains(k.log.String(), want) {
			t.Errorf("no %q in the log: %s", want, k.log)
		}
	}
}

// It ends with the intermediate, since nothing verifies the leaf from then on.
func TestAConnectionIsClosedWhenAnIntermediateEnds(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	_, end := soon()
	intermediate := ca.Altered(t, "intermediate", func(c *x509.Certificate) { c.NotAfter = end })
	k := newKeeping(t, ca)
	k.envoy(intermediate.Issue(t, certtest.Client())).wantEnded(end)
}

func TestANewBundleClosesThoseThatItDoesNotVerifyAndNoOther(t *testing.T) {
	for _, row := range []struct{ name, before, after string }{
		{"of CAs with names of their own", "before", "after"},
		{"of CAs of one name", "root", "root"},
	} {
		t.Run(row.name, func(t *testing.T) {
			closesNoOther(t, certtest.NewCA(t, row.before), certtest.NewCA(t, row.after))
		})
	}
}

func closesNoOther(t *testing.T, before, after *certtest.CA) {
	t.Helper()
	k := newKeeping(t, before, after)
	var leaving, staying []*envoy
	for range 3 {
		leaving = append(leaving, k.envoy(before.Issue(t, certtest.Client())),
			k.envoy(before.Intermediate(t, "intermediate").Issue(t, certtest.Client())))
		staying = append(staying, k.envoy(after.Issue(t, certtest.Client())),
			k.envoy(after.Intermediate(t, "intermediate").Issue(t, certtest.Client())))
	}
	k.wantOn(before, 6)
	k.wantOn(after, 6)

	swapped := time.Now()
	k.trust(after)
	for _, e := range leaving {
		e.wantEnded(swapped)
	}
	for _, e := range staying {
		e.wantOpen()
	}
	k.wantOn(before, -1)
	k.wantOn(after, 6)
	k.eventually("they are counted as closed", func() bool { return k.closedFor(handshake.RootRemoved) == 6 })
	if got := k.values("contour_xds_tls_handshakes_total"); got["success"] != 12 {
		t.Errorf("handshakes: %v; nobody had to come back", got)
	}
}

// TestARenewedRootClosesNobody replaces the CA's certificate by one for its key.
func TestARenewedRootClosesNobody(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	renewed := ca.Renewed(t)
	k := newKeeping(t, ca)
	envoys := []*envoy{k.envoy(ca.Issue(t, certtest.Client())), k.envoy(ca.Intermediate(t, "intermediate").Issue(t, certtest.Client()))}
	k.trust(renewed)
	k.wantOn(renewed, 2)
	for _, e := range envoys {
		e.wantOpen()
	}
}

// TestAGenerationThatChangesOtherThingsClosesNobody has a bundle that is written
// anew, in another order, beside another certificate of the server's.
func TestAGenerationThatChangesOtherThingsClosesNobody(t *testing.T) {
	a, b := certtest.NewCA(t, "a"), certtest.NewCA(t, "b")
	k := newKeeping(t, a, b)
	envoys := []*envoy{k.envoy(a.Issue(t, certtest.Client())), k.envoy(b.Issue(t, certtest.Client()))}
	k.pair = b.Issue(t, certtest.Server())
	k.trust(b, a, certtest.NewCA(t, "c"))
	time.Sleep(time.Second) // there is nothing to wait for
	for _, e := range envoys {
		e.wantOpen()
	}
	k.wantOn(a, 1)
	k.wantOn(b, 1)
}

// TestAHandshakeThatBeganBeforeTheSwapIsHeldToTheNewBundle keeps a handshake from
// ending until the bundle that it began with is gone and the live connections were
// gone through.
func TestAHandshakeThatBeganBeforeTheSwapIsHeldToTheNewBundle(t *testing.T) {
	before, after := certtest.NewCA(t, "before"), certtest.NewCA(t, "after")
	for _, row := range []struct {
		name   string
		leaf   *certtest.Pair
		closed bool
	}{
		{"of a client that only the old one verifies", before.Issue(t, certtest.Client()), true},
		{"of a client that the new one verifies too", after.CrossSigned(t, before).Issue(t, certtest.Client()), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var dialling sync.WaitGroup
			t.Cleanup(dialling.Wait) // after the server has ended
			k := newKeeping(t, before)
			witness := k.envoy(before.Issue(t, certtest.Client()))
			reached, proceed := make(chan struct{}), make(chan struct{})
			cert := row.leaf.TLS()
			config := k.clientOf(row.leaf)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				close(reached)
				<-proceed
				return &cert, nil
			}
			dialling.Go(func() { k.dial(config) })
			<-reached
			swapped := time.Now()
			k.trust(after)
			witness.wantEnded(swapped)
			close(proceed)
			if !row.closed {
				k.wantOn(after, 1)
				return
			}
			k.eventually("it is refused", func() bool {
				return k.values("contour_xds_tls_handshake_failures_total")[string(handshake.UnknownCA)] == 1
			})
			k.wantOn(after, 0)
		})
	}
}

func TestEveryRootInForceHasASeriesAndNoOtherHas(t *testing.T) {
	a, b, c := certtest.NewCA(t, "a"), certtest.NewCA(t, "b"), certtest.NewCA(t, "c")
	k := newKeeping(t, a, b, a) // one that is written twice has one
	if got := k.values("contour_xds_connections"); len(got) != 2 || k.on(a) != 0 || k.on(b) != 0 {
		t.Errorf("at the start: %v", got)
	}
	k.trust(b, c)
	if got := k.values("contour_xds_connections"); len(got) != 2 || k.on(b) != 0 || k.on(c) != 0 {
		t.Errorf("after a change: %v", got)
	}
}

// TestACrossSignedClientStandsOnTheRootThatEndsLast goes through a rollover with a
// client that both roots verify, and back.
func TestACrossSignedClientStandsOnTheRootThatEndsLast(t *testing.T) {
	before := certtest.NewCA(t, "before")
	after := certtest.NewRoot(t, "after", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Hour) })
	k := newKeeping(t, before)
	both := k.envoy(after.CrossSigned(t, before).Issue(t, certtest.Client()))
	old := k.envoy(before.Issue(t, certtest.Client()))
	k.wantOn(before, 2)
	k.trust(before, after)
	k.wantOn(after, 1)
	k.wantOn(before, 1)
	k.trust(before)
	k.wantOn(before, 2)
	k.trust(before, after)
	k.wantOn(after, 1)
	swapped := time.Now()
	k.trust(after)
	old.wantEnded(swapped)
	both.wantOpen()
	k.wantOn(after, 1)
	k.wantOn(before, -1)
}

func TestManyThatAreClosedAtOnceAreSummedUp(t *testing.T) {
	before, after := certtest.NewCA(t, "before"), certtest.NewCA(t, "after")
	k := newKeeping(t, before, after)
	pair := before.Issue(t, certtest.Client()) // as pods share a Secret
	for range 12 {
		k.envoy(pair)
	}
	k.trust(after)
	k.eventually("all are closed", func() bool { return k.closedFor(handshake.RootRemoved) == 12 })
	if err := k.door.Close(); err != nil {
		t.Fatal(err)
	}
	log := k.log.String()
	if n := strings.Count(log, `msg="closed a connection"`); n != 10 {
		t.Errorf("%d lines", n)
	}
	if want := `msg="closed more connections for the same reason" reason=root_removed count=2 `; !strings.Contains(log, want) {
		t.Errorf("no %q: %s", want, log)
	}
}
