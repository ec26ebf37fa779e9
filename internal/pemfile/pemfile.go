// Package pemfile reads PEM (RFC 7468) strictly: certificate chains, trust
// bundles, private keys and revocation lists, and whether a key fits a certificate.
//
// The standard library is lenient where a server should not be: one good
// certificate of many makes a bundle succeed, and a block with a broken line is
// passed over in silence. Here the block that does not parse is named. No error
// of this package holds anything of a private key, nor wraps an error that
// could.
package pemfile

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// block is one PEM block with its place in the file, counted from 1.
type block struct {
	*pem.Block
	number int
}

// byteOrderMark is what some editors put before text in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// blocks splits data into its PEM blocks. Text between blocks is allowed, as RFC
// 7468 section 2 has it; a block that begins and does not decode is an error.
func blocks(data []byte) ([]block, error) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Kind: Empty}
	}
	var found []block
	for rest := data; ; {
		decoded, after := pem.Decode(rest)
		// pem.Decode skips what it can't decode, so count the marks that it went over.
		if decoded == nil {
			after = nil
		}
		begun, ended := marks(rest[:len(rest)-len(after)])
		switch {
		case decoded == nil && begun+ended == 0:
			if len(found) == 0 {
				return nil, &Error{Kind: NotPEM, detail: encodingHint(data)}
			}
			return found, nil
		case decoded == nil || begun > 1 || ended > 1:
			return nil, &Error{Kind: BrokenBlock, Block: len(found) + 1}
		}
		found = append(found, block{Block: decoded, number: len(found) + 1})
		rest = after
	}
}

// marks counts where blocks begin and end in data, at the start of a line or not:
// an indented mark is none to pem.Decode, and means one all the same.
func marks(data []byte) (begun, ended int) {
	return bytes.Count(data, []byte("-----BEGIN ")), bytes.Count(data, []byte("-----END "))
}

// encodingHint names what a file that is not PEM looks like, when it is one of
// the usual mistakes.
func encodingHint(data []byte) string {
	switch {
	case data[0] == 0x30: // an ASN.1 SEQUENCE, with which both formats begin
		return "it looks like DER or PKCS #12; convert it with openssl"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return "it looks like UTF-16; save it as plain text"
	}
	return ""
}

// kinds names the block types in a file for an error.
func kinds(found []block) string {
	var names []string
	for _, b := range found {
		if name := knownType(b); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("found only %s", strings.Join(names, ", "))
}

// knownType names the type of a block if it is known: the text after BEGIN is the
// file's, and could be anything.
func knownType(b block) string {
	known := []string{
		typeCertificate, typePKCS8, typePKCS1, typeSEC1, typeEncrypted,
		"EC PARAMETERS", "PUBLIC KEY", "CERTIFICATE REQUEST", typeCRL, "TRUSTED CERTIFICATE",
	}
	if slices.Contains(known, b.Type) {
		return b.Type
	}
	return "a block of another type"
}
