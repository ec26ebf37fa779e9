package handshake_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

// A blacklist is a guard that denies certificates by their serial numbers.
type blacklist struct {
	mu      sync.Mutex
	denials map[string]*handshake.Denial
	next    chan struct{}
	// asked, where it is set, is called within each check.
	asked func()
	acted []handshake.Reason
}

func newBlacklist() *blacklist {
	return &blacklist{denials: make(map[string]*handshake.Denial), next: make(chan struct{})}
}

func (b *blacklist) Check(chains [][]*x509.Certificate) error {
	b.mu.Lock()
	denial, asked := b.denials[key(chains[0][0].SerialNumber)], b.asked
	b.mu.Unlock()
	if asked != nil {
		asked()
	}
	if denial == nil {
		return nil
	}
	return denial
}

func (b *blacklist) Denied(denial *handshake.Denial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acted = append(b.acted, denial.Reason)
}

// actedUpon are the denials that were.
func (b *blacklist) actedUpon() []handshake.Reason {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.acted)
}

func (b *blacklist) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// deny puts a certificate on the list.
func (b *blacklist) deny(pair *certtest.Pair, reason handshake.Reason, closes handshake.CloseReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.denials[key(pair.Chain[0].SerialNumber)] = &handshake.Denial{Reason: reason, Close: closes, Err: errors.New("it is on the list")}
	close(b.next)
	b.next = make(chan struct{})
}

func key(serial *big.Int) string { return serial.Text(16) }

// guardReasons are those that a guard has.
var guardReasons = []handshake.Reason{
	handshake.OwnCertificate, handshake.RevokedCertificate, handshake.RevocationUnknown, handshake.NoIdentity, handshake.NoRule,
}

func TestAGuardRefusesInTheHandshake(t *testing.T) {
	for _, reason := range guardReasons {
		t.Run(string(reason), func(t *testing.T) {
			guard := newBlacklist()
			s := newServer(t, func(cfg *handshake.Config) { cfg.Guard = guard })
			pair := s.ca.Issue(t, certtest.Client())
			guard.deny(pair, reason, "")
			s.dial(s.clientOf(pair))
			s.refusedOnceFor(reason)
			if !strings.Contains(s.log.String(), "it is on the list") {
				t.Errorf("the line does not say why: %s", s.log)
			}
			if acted := guard.actedUpon(); !slices.Equal(acted, []handshake.Reason{reason}) {
				t.Errorf("the guard is told of %v", acted)
			}
		})
	}
}

func TestAGuardThatChangesItsMindClosesThoseThatItMeansAndNoOther(t *testing.T) {
	ca, guard := certtest.NewCA(t, "root"), newBlacklist()
	k := newGuarded(t, guard, ca)
	out, in, late := ca.Issue(t, certtest.Client()), ca.Issue(t, certtest.Client()), ca.Issue(t, certtest.Client())
	leaving, staying, tolerated := k.envoy(out), k.envoy(in), k.envoy(late)
	k.wantOn(ca, 3)

	denied := time.Now()
	guard.deny(late, handshake.RevocationUnknown, "") // only newcomers are refused for this
	guard.deny(out, handshake.RevokedCertificate, handshake.Revoked)
	leaving.wantEnded(denied)
	staying.wantOpen()
	tolerated.wantOpen()
	k.wantOn(ca, 2)
	k.eventually("it is counted as closed", func() bool { return k.closedFor(handshake.Revoked) == 1 })
	k.eventually("the guard is told of the one that was closed", func() bool {
		return slices.Equal(guard.actedUpon(), []handshake.Reason{handshake.RevokedCertificate})
	})
	k.dial(k.clientOf(out))
	k.eventually("it stays out", func() bool {
		return k.values("contour_xds_tls_handshake_failures_total")[string(handshake.RevokedCertificate)] == 1
	})
}

// TestAGuardThatChangesItsMindInTheMidstOfAHandshakeIsHeard denies a client between the
// check of its handshake and its admission, when it is not among the live ones yet.
func TestAGuardThatChangesItsMindInTheMidstOfAHandshakeIsHeard(t *testing.T) {
	ca, guard := certtest.NewCA(t, "root"), newBlacklist()
	k := newGuarded(t, guard, ca)
	pair := ca.Issue(t, certtest.Client())
	guard.asked = sync.OnceFunc(func() {
		guard.deny(pair, handshake.RevokedCertificate, handshake.Revoked)
		time.Sleep(200 * time.Millisecond) // the live ones are gone through meanwhile
	})
	k.dial(k.clientOf(pair))
	k.eventually("it is refused after all", func() bool {
		return k.values("contour_xds_tls_handshake_failures_total")[string(handshake.RevokedCertificate)] == 1 ||
			k.closedFor(handshake.Revoked) == 1
	})
	k.eventually("no connection is left", func() bool { return k.on(ca) == 0 })
}

// TestAGuardIsAskedAboutTheChainOfANewBundle has a client stand on another chain after
// its root is gone, which the guard does not like.
func TestAGuardIsAskedAboutTheChainOfANewBundle(t *testing.T) {
	before := certtest.NewCA(t, "root")
	after := before.Renewed(t)
	guard := newBlacklist()
	k := newGuarded(t, guard, before)
	pair := before.Issue(t, certtest.Client())
	e := k.envoy(pair)
	k.wantOn(before, 1)
	guard.mu.Lock() // without a word of it
	guard.denials[key(pair.Chain[0].SerialNumber)] = &handshake.Denial{Reason: handshake.RevokedCertificate, Close: handshake.Revoked, Err: errors.New("it is on the list")}
	guard.mu.Unlock()
	swapped := time.Now()
	k.trust(after)
	e.wantEnded(swapped)
	k.eventually("it is counted as closed", func() bool { return k.closedFor(handshake.Revoked) == 1 })
}
