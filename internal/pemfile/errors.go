package pemfile

import (
	"fmt"
	"strings"
)

// Kind is what is wrong with a file, from a closed set.
type Kind int

// The kinds of errors.
const (
	// Empty is a file with nothing in it.
	Empty Kind = iota + 1
	// NotPEM is a file without a single PEM block.
	NotPEM
	// BrokenBlock is a PEM block that does not decode.
	BrokenBlock
	// NoCertificate is a file without a certificate, whatever else it holds.
	NoCertificate
	// BadCertificate is a block that decodes and is no X.509 certificate.
	BadCertificate
	// NoKey is a file without a private key, whatever else it holds.
	NoKey
	// SeveralKeys is a file with more than one private key.
	SeveralKeys
	// EncryptedKey is a private key that needs a password.
	EncryptedKey
	// BadKey is a block that decodes and is no private key that TLS can use.
	BadKey
	// WeakKey is an RSA key shorter than [MinRSABits], or an ECDSA key on a curve that
	// TLS 1.3 does not have.
	WeakKey
	// Mismatch is a key that is not the certificate's.
	Mismatch
	// NotList is a block other than a list in a file of revocation lists.
	NotList
	// BadList is a block that decodes and is no certificate revocation list.
	BadList
)

var kindText = map[Kind]string{
	Empty:          "the file is empty",
	NotPEM:         "not PEM: no line begins with -----BEGIN",
	BrokenBlock:    "does not decode as PEM",
	NoCertificate:  "holds no certificate",
	BadCertificate: "does not parse as an X.509 certificate",
	NoKey:          "holds no private key",
	SeveralKeys:    "holds more than one private key; leave one",
	EncryptedKey:   "the private key is encrypted; decrypt it, for example with openssl pkey",
	BadKey:         "does not parse as an RSA, ECDSA or Ed25519 private key",
	WeakKey:        fmt.Sprintf("the key is weaker than Envoy takes; make one of ECDSA P-256, Ed25519, or RSA with at least %d bits", MinRSABits),
	Mismatch:       "the key is not the certificate's; the two files must be a pair",
	NotList:        "is no certificate revocation list (X509 CRL); keep nothing but lists in this file",
	BadList:        "does not parse as an X.509 certificate revocation list",
}

// Error is a file that can't be used. It never holds private key material.
type Error struct {
	// Kind is what is wrong.
	Kind Kind
	// Block is the PEM block it is wrong with, counted from 1; 0 means the whole file.
	Block int

	detail string
}

// Error says what is wrong and with which block. The file's name is the
// caller's to add.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Block > 0 {
		fmt.Fprintf(&b, "PEM block %d ", e.Block)
	}
	b.WriteString(kindText[e.Kind])
	if e.detail != "" {
		fmt.Fprintf(&b, " (%s)", e.detail)
	}
	return b.String()
}
