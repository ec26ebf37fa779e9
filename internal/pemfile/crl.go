package pemfile

import (
	"crypto/x509"
	"encoding/asn1"
)

const typeCRL = "X509 CRL" // RFC 7468 section 6

// derSequence is the first byte of every list in DER (X.690 section 8.9).
const derSequence = 0x30

// RevocationLists returns every certificate revocation list in data, in the file's
// order. Other than for certificates, a block of another type is an error: a key has
// no place beside what is handed around in public, and a certificate there is most
// often a bundle that was given by mistake. One list in DER, the form in which CAs
// publish them (RFC 5280 section 4.2.1.13), is taken as well. Each error is an [*Error].
func RevocationLists(data []byte) ([]*x509.RevocationList, error) {
	if len(data) > 0 && data[0] == derSequence {
		list, err := parseList(data, 0)
		if err != nil {
			return nil, err
		}
		return []*x509.RevocationList{list}, nil
	}
	found, err := blocks(data)
	if err != nil {
		return nil, err
	}
	var lists []*x509.RevocationList
	for _, b := range found {
		if b.Type != typeCRL {
			return nil, &Error{Kind: NotList, Block: b.number, detail: "it is " + knownType(b)}
		}
		list, err := parseList(b.Bytes, b.number)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// parseList drops the parser's own errors: what is no list may be anything.
func parseList(der []byte, number int) (*x509.RevocationList, error) {
	list, err := x509.ParseRevocationList(der)
	switch {
	case err != nil && firstVersion(der):
		return nil, &Error{Kind: BadList, Block: number, detail: "it is of version 1; have the CA number its lists, with crl_extensions in openssl's configuration"}
	case err != nil, len(list.Raw) != len(der): // the parser passes over what comes behind
		return nil, &Error{Kind: BadList, Block: number}
	}
	return list, nil
}

// firstVersion tells a list of X.509 version 1, which is what openssl writes by
// default: it has the signature's algorithm where others have their version.
func firstVersion(der []byte) bool {
	var list, tbs, first asn1.RawValue
	for _, step := range []struct {
		from *[]byte
		to   *asn1.RawValue
	}{{&der, &list}, {&list.Bytes, &tbs}, {&tbs.Bytes, &first}} {
		if _, err := asn1.Unmarshal(*step.from, step.to); err != nil {
			return false
		}
	}
	return first.Class == asn1.ClassUniversal && first.Tag == asn1.TagSequence
}
