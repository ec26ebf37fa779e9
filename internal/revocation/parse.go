package revocation

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// Bounds of what [Parse] takes. Reading a list allocates some 1,400 bytes for each of its
// entries, and keeps some 130.
const (
	// MaxBytes bounds the data, in bytes.
	MaxBytes = 16 << 20
	// MaxEntries bounds the entries of all lists together.
	MaxEntries = 400_000
)

// Extensions of lists and of their entries (RFC 5280 sections 5.2 and 5.3).
var (
	oidReason              = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidNumber              = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidDelta               = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistributionPoint   = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityIdentifier = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// Parse takes certificate revocation lists from PEM, or one of them from DER. All of
// them can be honoured, or it fails: a list that was passed over would let in whom it
// names. It does not look at dates, nor can it check who signed: [Lists.Check] does.
// Its error says what to do, and holds nothing of a file that may be a key.
func Parse(data []byte) (*Lists, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the revocation lists are larger than %d MiB; have the CA leave out certificates that have ended", MaxBytes>>20)
	}
	found, err := pemfile.RevocationLists(data)
	if err != nil {
		return nil, fmt.Errorf("%w; give the lists that the CA signs, one after the other in PEM", err)
	}
	l := &Lists{byIssuer: make(map[string][]*list)}
	entries := 0
	for i, parsed := range found {
		if entries += len(parsed.RevokedCertificateEntries); entries > MaxEntries {
			return nil, fmt.Errorf("the revocation lists have more than %d entries; have the CA leave out certificates that have ended", MaxEntries)
		}
		if err := honourable(parsed); err != nil {
			return nil, fmt.Errorf("revocation list %d, of %q, %w", i+1, parsed.Issuer, err)
		}
		issuer := string(parsed.RawIssuer)
		made := newList(parsed)
		l.byIssuer[issuer] = append(l.byIssuer[issuer], made)
		l.all = append(l.all, made)
		found[i] = nil // which is many times larger than what was made of it
	}
	l.nextUpdate = firstEnd(l.all)
	return l, nil
}

// honourable fails for a list that says more than is understood here, which must not be
// used at all (RFC 5280 sections 5.2 and 5.3), and for one without an end, which nobody
// could tell from one that is not kept up.
func honourable(l *x509.RevocationList) error {
	if l.NextUpdate.IsZero() {
		return errors.New("does not say when the next one comes (nextUpdate), so that nobody can tell whether it is kept up; have the CA say it (RFC 5280 section 5.1.2.5)")
	}
	for _, extension := range l.Extensions {
		switch id := extension.Id; {
		case id.Equal(oidDelta):
			return errors.New("is a delta list, which tells changes alone; give the complete one")
		case id.Equal(oidDistributionPoint):
			return errors.New("is for a part of the CA's certificates alone (issuingDistributionPoint); give a complete one")
		case extension.Critical && !id.Equal(oidNumber) && !id.Equal(oidAuthorityIdentifier):
			return fmt.Errorf("has the critical extension %v, which is not understood; have the CA sign one without it", id)
		}
	}
	for _, entry := range l.RevokedCertificateEntries {
		if entry.ReasonCode == removeFromCRL {
			return fmt.Errorf("takes an entry back (removeFromCRL, serial number %s), as a delta list alone may; give a complete one", serial(entry.SerialNumber))
		}
		for _, extension := range entry.Extensions {
			if extension.Critical && !extension.Id.Equal(oidReason) {
				return fmt.Errorf("has an entry with the critical extension %v, which is not understood (serial number %s); have the CA sign one without it",
					extension.Id, serial(entry.SerialNumber))
			}
		}
	}
	return nil
}

// newList keeps of a parsed list what is looked at later. The serial numbers share one
// string, since each of their own would cost as much again.
func newList(parsed *x509.RevocationList) *list {
	l := &list{
		signed: &x509.RevocationList{
			RawTBSRevocationList: parsed.RawTBSRevocationList, Signature: parsed.Signature, SignatureAlgorithm: parsed.SignatureAlgorithm,
			RawIssuer: parsed.RawIssuer, Issuer: parsed.Issuer, Number: parsed.Number, AuthorityKeyId: parsed.AuthorityKeyId,
			ThisUpdate: parsed.ThisUpdate, NextUpdate: parsed.NextUpdate,
		},
		revoked: make(map[string]entry, len(parsed.RevokedCertificateEntries)),
		judged:  make(map[string]Why),
	}
	var all []byte
	for _, e := range parsed.RevokedCertificateEntries {
		all = append(all, e.SerialNumber.Bytes()...)
	}
	shared := string(all)
	for _, e := range parsed.RevokedCertificateEntries {
		size := len(e.SerialNumber.Bytes())
		key := shared[:size]
		shared = shared[size:]
		if e.SerialNumber.Sign() < 0 {
			continue // no certificate that is parsed has such a number, and its positive twin is another's
		}
		// Of two entries for one certificate, the first revoked it.
		made := entry{since: e.RevocationTime.Unix(), reason: knownReason(e.ReasonCode)}
		if before, twice := l.revoked[key]; !twice || made.since < before.since {
			l.revoked[key] = made
		}
	}
	return l
}

// end is the moment from which on a list is not in force.
func (l *list) end() time.Time { return l.signed.NextUpdate }
