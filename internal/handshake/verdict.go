package handshake

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// A cohort is live connections that presented the same chain, such as all of the
// pods that have one Secret: one verdict does for them.
type cohort struct {
	presented []*x509.Certificate
	root      *x509.Certificate // that verified one of them
	conns     []*conn
}

func cohorts(claims []claim) []*cohort {
	byChain := make(map[[sha256.Size]byte]*cohort)
	var all []*cohort
	for _, claim := range claims {
		h := sha256.New()
		for _, cert := range claim.presented {
			h.Write(cert.Raw) // DER says its own length
		}
		key := [sha256.Size]byte(h.Sum(nil))
		of := byChain[key]
		if of == nil {
			of = &cohort{presented: claim.presented, root: claim.root}
			byChain[key] = of
			all = append(all, of)
		}
		of.conns = append(of.conns, claim.conn)
	}
	return all
}

// judge verifies connections against m at the time now, on every CPU, and closes
// those that fail for the reason that reason gives. It tells whether it came to the
// end: it stops when ctx ends, and when m is no longer in force. Without m there is
// nothing that could verify them.
func (k *keeper) judge(ctx context.Context, m *credentials.Material, claims []claim, now time.Time, reason func(error) CloseReason) bool {
	all := cohorts(claims)
	var next atomic.Int64
	var stale atomic.Bool
	var judges sync.WaitGroup
	for range min(len(all), runtime.GOMAXPROCS(0)) {
		judges.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(all); i = next.Add(1) - 1 {
				if stale.Load() || ctx.Err() != nil || !k.judgeCohort(m, all[i], now, reason) {
					stale.Store(true)
					return
				}
			}
		})
	}
	judges.Wait()
	return !stale.Load()
}

// judgeCohort tells whether m is in force still where that matters. A connection that
// a newer generation let in may be among these, and must not be closed in the name of
// an older one; since it came in before these were looked up, and m is in force
// after, its handshake was with m or with one before.
func (k *keeper) judgeCohort(m *credentials.Material, of *cohort, now time.Time, reason func(error) CloseReason) bool {
	chains, err := of.verify(m, now)
	if err == nil {
		s := standOn(of.presented, chains)
		for _, c := range of.conns {
			k.register.restand(c, s)
			k.ask(claim{c, of.presented, chains, of.root})
		}
		return true
	}
	if k.material() != m {
		return false
	}
	for _, c := range of.conns {
		k.expel(c, reason(err), of.presented[0], err)
	}
	return true
}

var errEnded = errors.New("a certificate of the chain has ended")

// verify saves a signature where it can tell without. A leaf that came alone was
// signed by the key of the root that verified it, so that no other key will do; Go's
// verifier would try each that has the name.
func (of *cohort) verify(m *credentials.Material, now time.Time) ([][]*x509.Certificate, error) {
	switch {
	case m == nil:
		return nil, errEnded
	case len(of.presented) == 1 && !m.TrustsKeyOf(of.root):
		return nil, x509.UnknownAuthorityError{Cert: of.presented[0]}
	}
	return m.VerifyClient(of.presented, now)
}

// verificationError is what crypto/tls makes of an error of the verifier.
func verificationError(presented []*x509.Certificate, err error) error {
	return &tls.CertificateVerificationError{UnverifiedCertificates: presented, Err: err}
}

// reasonOf tells the end of a certificate from the end of trust in it.
func reasonOf(err error) CloseReason {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return CertificateExpired
	}
	return RootRemoved
}
