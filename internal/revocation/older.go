package revocation

import (
	"encoding/hex"
	"fmt"
	"time"
)

// signer is who signed a list, by what the list says of it: there is no certificate here
// to verify it by.
type signer struct {
	// name is the DER of the issuer's name.
	name string
	// key is the authority key identifier, empty where the list has none.
	key string
}

func (l *list) signer() signer {
	return signer{name: string(l.signed.RawIssuer), key: string(l.signed.AuthorityKeyId)}
}

// follow fails where a list of l is older than that of the same signer in before: it
// could let in again whom the newer one revoked. Of several lists of a signer the newest
// counts, for whoever is on any of them is revoked. It returns the lists in before whose
// signer has none in l.
func (l *Lists) follow(before *Lists) (gone []*list, err error) {
	newest, newestBefore := newestOf(l.all), newestOf(before.all)
	for _, old := range before.all {
		if newestBefore[old.signer()] != old {
			continue
		}
		next := newest[old.signer()]
		if next == nil {
			next = l.alike(old)
		}
		switch {
		case next == nil:
			gone = append(gone, old)
		case next.olderThan(old):
			return nil, fmt.Errorf("the revocation list of %q is older than the one in force (%s; in force is %s), and could let in again whom that one revoked; "+
				"have the CA issue a list with a higher number (RFC 5280 section 5.2.3), or restart contour to take this one as it is",
				old.signed.Issuer, next.edition(), old.edition())
		}
	}
	return gone, nil
}

// alike is the newest list that may be of the signer of old, as far as is told: it has
// the name, and one of the two has no key. An old list may be of a time when the CA did
// not tell it. It is nil where there is none.
func (l *Lists) alike(old *list) *list {
	var newest *list
	for _, next := range l.byIssuer[old.signer().name] {
		if (next.signer().key == "" || old.signer().key == "") && (newest == nil || newest.olderThan(next)) {
			newest = next
		}
	}
	return newest
}

// newestOf has the newest list of each signer.
func newestOf(lists []*list) map[signer]*list {
	newest := make(map[signer]*list)
	for _, l := range lists {
		if known := newest[l.signer()]; known == nil || known.olderThan(l) {
			newest[l.signer()] = l
		}
	}
	return newest
}

// olderThan compares two lists of one signer: by their numbers, which grow (RFC 5280
// section 5.2.3), and by when they were issued where the numbers are equal or one has
// none.
func (l *list) olderThan(other *list) bool {
	if l.signed.Number != nil && other.signed.Number != nil {
		if order := l.signed.Number.Cmp(other.signed.Number); order != 0 {
			return order < 0
		}
	}
	return l.signed.ThisUpdate.Before(other.signed.ThisUpdate)
}

// edition says which of its signer's lists it is.
func (l *list) edition() string {
	issued := l.signed.ThisUpdate.UTC().Format(time.RFC3339)
	if l.signed.Number == nil {
		return "without a number, of " + issued
	}
	return fmt.Sprintf("number %s, of %s", l.signed.Number, issued)
}

// accept decides whether next may be put in force, and tells of the CAs that have no
// list in it any more. Those may have left, and are not held against it.
func (c Config) accept(next, before *Lists) error {
	gone, err := next.follow(before)
	if err != nil {
		return err
	}
	for _, old := range gone {
		c.Logger.Warn("the list of a CA is not in the file any more; add its current one, unless that CA is no longer trusted",
			"file", c.Path, "issuer", old.signed.Issuer.String(), "key_id", hex.EncodeToString(old.signed.AuthorityKeyId), "was", old.edition())
	}
	return nil
}
