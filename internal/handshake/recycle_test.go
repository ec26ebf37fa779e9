package handshake_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
)

// nobody is an address that no connection comes from.
var nobody = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}

func (k *keeping) recycle(ctx context.Context, ca *certtest.CA, besides net.Addr) int {
	return k.door.Recycle(ctx, credentials.RootFingerprint(ca.Cert), besides)
}

func TestRecyclingClosesThoseOnTheRootAndNoOther(t *testing.T) {
	before, after := certtest.NewCA(t, "root"), certtest.NewCA(t, "root")
	k := newKeeping(t, before, after)
	var leaving, staying []*envoy
	for range 3 {
		leaving = append(leaving, k.envoy(before.Issue(t, certtest.Client())),
			k.envoy(before.Intermediate(t, "intermediate").Issue(t, certtest.Client())))
		staying = append(staying, k.envoy(after.Issue(t, certtest.Client())))
	}
	asked := time.Now()
	if n := k.recycle(t.Context(), before, nobody); n != 6 {
		t.Errorf("closed %d", n)
	}
	if took := time.Since(asked); took < 5*handshake.RecyclePause {
		t.Errorf("closed 6 within %v, which is no pace", took)
	}
	for _, e := range leaving {
		e.wantEnded(asked)
	}
	for _, e := range staying {
		e.wantOpen()
	}
	k.wantOn(before, 0)
	k.wantOn(after, 3)
	if n := k.closedFor(handshake.Recycled); n != 6 {
		t.Errorf("%v are counted as recycled", n)
	}
	if want := `msg="closed a connection" remote=127.0.0.1:`; strings.Count(k.log.String(), want) != 6 || !strings.Contains(k.log.String(), "reason=recycled") {
		t.Errorf("no line for each in the log: %s", k.log)
	}

	back := k.envoy(before.Issue(t, certtest.Client())) // the old root is trusted still
	back.wantOpen()
	k.wantOn(before, 1)
}

func TestRecyclingSparesTheOneThatAsks(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	k := newKeeping(t, ca)
	k.envoy(ca.Issue(t, certtest.Client()))
	asking := k.rawAs(ca.Issue(t, certtest.Client()))
	k.wantOn(ca, 2)
	if n := k.recycle(t.Context(), ca, asking.LocalAddr()); n != 1 {
		t.Errorf("closed %d", n)
	}
	k.wantOn(ca, 1)
}

// TestRecyclingStopsWithItsCaller has one who goes away before the end.
func TestRecyclingStopsWithItsCaller(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	k := newKeeping(t, ca)
	pair := ca.Issue(t, certtest.Client())
	for range 20 {
		k.envoy(pair)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*handshake.RecyclePause)
	defer cancel()
	if n := k.recycle(ctx, ca, nobody); n == 0 || n >= 20 {
		t.Errorf("closed %d", n)
	}
}

func TestRecyclingARootThatNobodyStandsOnClosesNobody(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	k := newKeeping(t, ca)
	e := k.envoy(ca.Issue(t, certtest.Client()))
	if n := k.recycle(t.Context(), certtest.NewCA(t, "another"), nobody); n != 0 {
		t.Errorf("closed %d", n)
	}
	e.wantOpen()
	if got, want := k.door.RootsInForce(), credentials.RootFingerprint(ca.Cert); len(got) != 1 || got[0] != want {
		t.Errorf("roots in force: %v, want %s", got, want)
	}
}
