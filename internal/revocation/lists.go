// Package revocation says whether certificates are revoked, by the lists that their
// CAs sign (RFC 5280 section 5).
//
// [Parse] makes [Lists] of a file, and [Checker] follows one. Neither fetches anything:
// a server that asked others whether it may accept a peer would stop when they do.
package revocation

import (
	"crypto/x509"
	"errors"
	"maps"
	"math/big"
	"slices"
	"sync"
	"time"
)

// Lists are the revocation lists of one file. They are immutable but for what they
// remember of signatures, and safe for concurrent use.
type Lists struct {
	// byIssuer has them by the DER of their issuer's name, which a CA must encode in the
	// same way wherever it stands (RFC 5280 section 4.1.2.6).
	byIssuer   map[string][]*list
	all        []*list
	nextUpdate time.Time
}

// list is one revocation list.
type list struct {
	// signed has what is needed to verify the signature, and no entries.
	signed *x509.RevocationList
	// revoked is by the serial number's octets, without a sign.
	revoked map[string]entry

	mu sync.RWMutex // guards judged
	// judged remembers what came of verifying the signature, by the DER of the issuer's
	// certificate: a list of 100,000 entries takes milliseconds to hash.
	judged map[string]Why
}

type entry struct {
	since  int64 // in Unix time, seconds
	reason uint8
}

// maxJudged bounds how many issuers a list remembers. There is one, or a few that have
// one name and key; only somebody who is a CA could bring more.
const maxJudged = 64

// Check tells whether a peer may be trusted whose certificates were verified to be
// chains, leaf first, as crypto/tls has them. It is if any one chain is good: each of its
// certificates but the root has a list that its issuer signed and that is in force, and
// is on none. Several lists of an issuer count as one.
//
// The error is a [*Revoked] where any chain has a certificate that is listed, be it on
// a list that has ended; or else an [*Unknown]. Without any chain it is neither.
func (l *Lists) Check(chains [][]*x509.Certificate, now time.Time) error {
	var revoked *Revoked
	var unknown *Unknown
	for _, chain := range chains {
		if len(chain) == 0 {
			continue
		}
		r, u := l.checkChain(chain, now)
		switch {
		case r == nil && u == nil:
			return nil
		case revoked == nil && r != nil:
			revoked = r
		case unknown == nil && u != nil:
			unknown = u
		}
	}
	switch {
	case revoked != nil:
		return revoked
	case unknown != nil:
		return unknown
	}
	return errors.New("there is no verified chain of certificates to look for in the revocation lists")
}

// checkChain goes on after an issuer without a list: a certificate above may be listed.
func (l *Lists) checkChain(chain []*x509.Certificate, now time.Time) (*Revoked, *Unknown) {
	var unknown *Unknown
	for i, cert := range chain[:len(chain)-1] {
		r, why := l.checkOne(cert, chain[i+1], now)
		if r != nil {
			return r, nil
		}
		if why != 0 && unknown == nil {
			unknown = &Unknown{Issuer: chain[i+1].Subject.String(), Why: why}
		}
	}
	return nil, unknown
}

// checkOne looks for cert on the lists of issuer. Zero means that it is known not to be
// revoked.
func (l *Lists) checkOne(cert, issuer *x509.Certificate, now time.Time) (*Revoked, Why) {
	why, inForce := Missing, false
	for _, list := range l.byIssuer[string(issuer.RawSubject)] {
		if failed := list.verify(issuer); failed != 0 {
			why = max(why, failed)
			continue
		}
		if e, listed := list.revoked[string(cert.SerialNumber.Bytes())]; listed {
			return &Revoked{
				Serial: serial(cert.SerialNumber), Subject: cert.Subject.String(), Issuer: issuer.Subject.String(),
				Since: time.Unix(e.since, 0).UTC(), Reason: int(e.reason),
			}, 0
		}
		switch {
		case now.Before(list.signed.ThisUpdate):
			why = max(why, NotYetValid)
		case now.After(list.end()):
			why = max(why, Expired)
		default:
			inForce = true
		}
	}
	if inForce {
		return nil, 0
	}
	return nil, why
}

// verify tells whether issuer signed the list, and may: zero if so. It verifies once
// for each issuer, however many ask at the same time.
func (l *list) verify(issuer *x509.Certificate) Why {
	l.mu.RLock()
	why, known := l.judged[string(issuer.Raw)]
	l.mu.RUnlock()
	if known {
		return why
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if why, known := l.judged[string(issuer.Raw)]; known {
		return why
	}
	switch {
	case l.signed.CheckSignatureFrom(issuer) == nil:
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0: // RFC 5280 section 6.3.3 (f)
		why = NotPermitted
	default:
		why = WrongSignature
	}
	if len(l.judged) >= maxJudged {
		clear(l.judged)
	}
	l.judged[string(issuer.Raw)] = why
	return why
}

// Summary is one list in words.
type Summary struct {
	Issuer string
	// Number grows with each list of a CA; nil where the CA does not number them.
	Number                 *big.Int
	ThisUpdate, NextUpdate time.Time
	// Revoked is how many certificates are listed.
	Revoked int
}

// Summaries describes the lists, in the order of the file.
func (l *Lists) Summaries() []Summary {
	var all []Summary
	for _, list := range l.all {
		s := list.signed
		all = append(all, Summary{
			Issuer: s.Issuer.String(), Number: s.Number, ThisUpdate: s.ThisUpdate.UTC(), NextUpdate: s.NextUpdate.UTC(), Revoked: len(list.revoked),
		})
	}
	return all
}

// NextUpdate is the first moment at which an issuer is left without a list that is in
// force: the earliest end of the list that ends last, of each name and key. That of a CA
// which is no longer trusted counts as well, until its list is taken out of the file.
func (l *Lists) NextUpdate() time.Time { return l.nextUpdate }

// firstEnd finds what NextUpdate returns. It goes by what lists say of their issuer, for
// there is none here to verify them by.
func firstEnd(lists []*list) time.Time {
	last := make(map[string]time.Time)
	for _, l := range lists {
		issuer := string(l.signed.RawIssuer) + string(l.signed.AuthorityKeyId)
		if l.end().After(last[issuer]) {
			last[issuer] = l.end()
		}
	}
	return slices.MinFunc(slices.Collect(maps.Values(last)), time.Time.Compare)
}
