// Package access decides who may have what: it joins who a peer is, whether its
// certificate was revoked, and what the access policy says, and counts and logs each
// denial under one set of reasons.
//
// It decides three times about a client: in the handshake, and as long as the
// connection lives, whether it is let in at all; at a stream's first request, which
// group it may join and with which secrets; and at a call, whether its caller may see
// the fleet. docs/design/0010-who-may-have-what.md has the threats that each answers.
package access

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/floodlog"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/revocation"
)

// Config says what a [Guard] decides by.
type Config struct {
	// Provider has the server's own credentials, which no client may use.
	Provider credentials.CredentialProvider
	// Optional. The access policy; unset means that any identity may join any group.
	Policy *files.Live[*identity.Policy]
	// Optional. The revocation lists; unset means that nothing is revoked.
	Revocation *revocation.Checker
	// Optional. Where denials are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. Over what time denials of one reason are summed up when there are many;
	// unset means a minute.
	LogInterval time.Duration
	// Optional. Where the metric is registered; unset means nowhere.
	Registerer prometheus.Registerer
}

// Guard decides. It is safe for concurrent use, takes no lock to decide, and reads no
// file: what it decides by is in memory, and followed.
type Guard struct {
	cfg     Config
	denied  *prometheus.CounterVec
	denials *floodlog.Log

	changed atomic.Pointer[chan struct{}]
	stop    chan struct{}
	ended   sync.WaitGroup
	once    sync.Once
}

var _ handshake.Guard = (*Guard)(nil)

// New returns a guard. It panics when its metric is registered already. The caller
// closes it, and what it was given after it.
func New(cfg Config) *Guard {
	g := &Guard{
		cfg:     cfg,
		denied:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "contour_xds_denied_total", Help: deniedHelp()}, []string{"reason"}),
		denials: floodlog.New(cfg.Logger, cfg.LogInterval, "denied a client what it asked for", "denied more clients for the same reason"),
		stop:    make(chan struct{}),
	}
	for _, reason := range Reasons() {
		g.denied.WithLabelValues(string(reason))
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(g.denied)
	}
	first := make(chan struct{})
	g.changed.Store(&first)
	g.ended.Go(g.follow)
	return g
}

// Close ends the following, and logs what is still to be summed up. It is safe to call
// more than once.
func (g *Guard) Close() error {
	g.once.Do(func() {
		close(g.stop)
		g.ended.Wait()
		g.denials.Close()
	})
	return nil
}

// Changed implements [handshake.Guard].
func (g *Guard) Changed() <-chan struct{} { return *g.changed.Load() }

// follow makes one channel of those of the policy and the lists.
func (g *Guard) follow() {
	var policy, lists <-chan struct{}
	if g.cfg.Policy != nil {
		policy = g.cfg.Policy.Changed()
	}
	if g.cfg.Revocation != nil {
		lists = g.cfg.Revocation.Changed()
	}
	for {
		select {
		case <-g.stop:
			return
		case <-policy:
			policy = g.cfg.Policy.Changed()
		case <-lists:
			lists = g.cfg.Revocation.Changed()
		}
		next := make(chan struct{})
		close(*g.changed.Swap(&next))
	}
}

// Check implements [handshake.Guard].
func (g *Guard) Check(chains [][]*x509.Certificate) error {
	denial := g.check(chains)
	if denial == nil {
		return nil // and no nil of its type, which would be an error
	}
	if len(chains) > 0 {
		denial.Identity = identity.Of(chains[0][0]).String()
	}
	return denial
}

// Denied implements [handshake.Guard]. The door logs what it acts upon.
func (g *Guard) Denied(denial *handshake.Denial) {
	g.denied.WithLabelValues(string(denial.Reason)).Inc()
}

func (g *Guard) check(chains [][]*x509.Certificate) *handshake.Denial {
	if len(chains) == 0 {
		return &handshake.Denial{Reason: handshake.NoIdentity, Err: errUnverified}
	}
	leaf := chains[0][0]
	if m, err := g.cfg.Provider.Material(); err == nil && m.IsOwn(leaf) {
		return &handshake.Denial{Reason: handshake.OwnCertificate, Err: errOwnCertificate}
	}
	if denial := g.checkRevocation(chains); denial != nil {
		return denial
	}
	return g.checkPolicy(leaf)
}

var (
	errUnverified     = errors.New("the client's certificate was not verified")
	errOwnCertificate = errors.New("the client's certificate is this server's own, or could pass as it: one key pair, or one name with a certificate for servers, on both sides; give Envoys certificates of their own, for clients alone")
)

func (g *Guard) checkRevocation(chains [][]*x509.Certificate) *handshake.Denial {
	if g.cfg.Revocation == nil {
		return nil
	}
	err := g.cfg.Revocation.Check(chains)
	var revoked *revocation.Revoked
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &handshake.Denial{Reason: handshake.RevokedCertificate, Close: handshake.Revoked, Err: err}
	}
	// Those who are in stay: a list that nobody renewed must not cut off the whole fleet.
	return &handshake.Denial{Reason: handshake.RevocationUnknown, Err: err}
}

func (g *Guard) checkPolicy(leaf *x509.Certificate) *handshake.Denial {
	if g.cfg.Policy == nil || identity.IsOperator(leaf) {
		return nil
	}
	id := identity.Of(leaf)
	if g.cfg.Policy.Current().Knows(id) {
		return nil
	}
	reason, why := handshake.NoRule, &identity.Denial{Reason: identity.NoRule}
	if !id.Known() {
		reason, why = handshake.NoIdentity, &identity.Denial{Reason: identity.NoIdentity}
	}
	return &handshake.Denial{Reason: reason, Close: handshake.Forbidden, Err: why}
}
