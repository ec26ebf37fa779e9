package certgen

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
)

// ListName is the file of revocation lists in a folder, and the name by which a
// [Change] knows it.
const ListName = "crl.pem"

// listMode lets everybody read the lists: they are public, and whoever runs contour
// need not be who signs.
const listMode = 0o644

// maxListSize bounds the file of lists, in bytes.
const maxListSize = 16 << 20

// DefaultListLifetime of a revocation list is that of a leaf, so that one errand with
// the CA's key renews both. A shorter one would revoke nothing sooner, since contour
// takes a new list over within a second: a list's end bounds only how long one is
// believed that is no longer kept up, and where it passes unnoticed, it locks out
// everybody.
const DefaultListLifetime = DefaultLifetime

// ledger is a CA of the bundle with its revocation list. The list is also the one
// record of what is revoked.
type ledger struct {
	ca *x509.Certificate
	// signer is nil where the CA's key is gone.
	signer *Authority
	// list is nil where there is none yet.
	list *x509.RevocationList
}

// ledgers are those of the CAs in the bundle. Without a file of lists, none of them has
// one. strange tells whether the file has lists of others as well, which are those of a
// CA that was replaced.
func (f *Folder) ledgers(c *custody) (all []*ledger, strange bool, err error) {
	for _, root := range c.roots() {
		all = append(all, &ledger{ca: root, signer: c.signer(root)})
	}
	lists, err := f.readLists()
	if err != nil {
		return nil, false, err
	}
	for _, list := range lists {
		i := slices.IndexFunc(all, func(l *ledger) bool { return l.signed(list) })
		switch {
		case i < 0:
			strange = true
		case all[i].list != nil: // either may lack what the other has
			return nil, false, fmt.Errorf("reading %q: it has two lists of the CA %s; leave the one with the higher number", f.Path(ListName, ""), Fingerprint(all[i].ca))
		default:
			all[i].list = list
		}
	}
	return all, strange, nil
}

// readLists returns none where there is no file.
func (f *Folder) readLists() ([]*x509.RevocationList, error) {
	path := f.Path(ListName, "")
	read, err := files.Read([]string{path}, maxListSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lists []*x509.RevocationList
	if err == nil {
		lists, err = pemfile.RevocationLists(read[0].Data)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w; bring it back from a contour that has it: it is the record of what is revoked", path, err)
	}
	return lists, nil
}

// hasLists tells whether lists are kept.
func (f *Folder) hasLists() bool { return f.Exists(ListName) }

// signer is the CA with its key; nil where that is gone.
func (c *custody) signer(root *x509.Certificate) *Authority {
	for _, a := range []*Authority{c.signing, c.next, c.oldKey} {
		if a != nil && a.cert.Equal(root) {
			return a
		}
	}
	return nil
}

// signed tells whether a list is the CA's.
func (l *ledger) signed(list *x509.RevocationList) bool {
	return bytes.Equal(list.RawIssuer, l.ca.RawSubject) && list.CheckSignatureFrom(asListSigner(l.ca)) == nil
}

// mute tells why no list of a CA can be signed, and what to do about it.
func (l *ledger) mute() error {
	switch {
	case l.ca.KeyUsage != 0 && l.ca.KeyUsage&x509.KeyUsageCRLSign == 0:
		return fmt.Errorf("the CA %s may not sign revocation lists (key usage cRLSign, RFC 5280 section 4.2.1.3); replace it with contour certgen ca rotate, whose CA may", Fingerprint(l.ca))
	case l.signer == nil:
		return fmt.Errorf("the key of the old CA %s is gone, as it was before there were revocation lists; go on to the last step of contour certgen ca rotate, which ends all of its certificates", Fingerprint(l.ca))
	}
	return nil
}

// due tells whether a list is to be signed anew: it is missing, less than a third of
// its life is left, or it is of a clock that was ahead.
func (l *ledger) due(now time.Time) bool {
	if l.mute() != nil {
		return false
	}
	return l.list == nil || now.Before(l.list.ThisUpdate) || spent(l.list.ThisUpdate, l.list.NextUpdate, now)
}

// entry is where a serial number is listed; nil where it is not.
func (l *ledger) entry(serial *big.Int) *x509.RevocationListEntry {
	if l.list == nil {
		return nil
	}
	for i, entry := range l.list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(serial) == 0 {
			return &l.list.RevokedCertificateEntries[i]
		}
	}
	return nil
}

// sign signs the list anew, with more entries. It lists all that it did before, for a
// certificate's end is not known from its serial number. No lifetime means the one of
// before, or the default.
func (l *ledger) sign(more []x509.RevocationListEntry, now time.Time, lifetime time.Duration) error {
	next := &x509.RevocationList{Number: big.NewInt(1), RevokedCertificateEntries: more}
	if before := l.list; before != nil {
		next.RevokedCertificateEntries = slices.Concat(before.RevokedCertificateEntries, more)
		if before.Number != nil {
			next.Number.Add(before.Number, next.Number)
		}
		if lifetime == 0 {
			lifetime = lifetimeOf(before.ThisUpdate, before.NextUpdate)
		}
	}
	if lifetime == 0 {
		lifetime = DefaultListLifetime
	}
	next.ThisUpdate, next.NextUpdate = now.Add(-Backdate), now.Add(lifetime)
	if next.ThisUpdate.Before(l.ca.NotBefore) && l.ca.NotBefore.Before(now) {
		next.ThisUpdate = l.ca.NotBefore
	}
	der, err := x509.CreateRevocationList(rand.Reader, next, asListSigner(l.ca), l.signer.key)
	if err == nil {
		l.list, err = x509.ParseRevocationList(der)
	}
	if err != nil {
		return fmt.Errorf("signing the revocation list of the CA %s: %w", Fingerprint(l.ca), err)
	}
	return nil
}

// asListSigner is a CA as crypto/x509 demands one that signs lists, which is more than
// RFC 5280 does: without a key usage, every use is permitted (section 4.2.1.3).
func asListSigner(ca *x509.Certificate) *x509.Certificate {
	issuer := *ca
	if issuer.KeyUsage == 0 {
		issuer.KeyUsage = x509.KeyUsageCRLSign
	}
	if id, err := keyID(ca.PublicKey); len(issuer.SubjectKeyId) == 0 && err == nil {
		issuer.SubjectKeyId = id
	}
	return &issuer
}

// writeLists replaces the file. A list that can no longer be signed stays as it is, and
// what is missing is noted.
func (f *Folder) writeLists(all []*ledger) (Change, error) {
	change := Change{Name: ListName, Done: "signed"}
	var data []byte
	count := 0
	for _, l := range all {
		if l.list == nil {
			change.Note = fmt.Sprintf("it has no list of the CA %s, and whoever demands one refuses its certificates: %v", Fingerprint(l.ca), l.mute())
			continue
		}
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.list.Raw})...)
		count += len(l.list.RevokedCertificateEntries)
		if change.End.IsZero() || l.list.NextUpdate.Before(change.End) {
			change.End = l.list.NextUpdate
		}
	}
	change.Done = fmt.Sprintf("signed, revoked certificates: %d", count)
	if err := f.writable(); err != nil {
		return Change{}, err
	}
	return change, files.WriteAtomic(f.Path(ListName, ""), data, listMode)
}
