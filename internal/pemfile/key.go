package pemfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
)

// MinRSABits is the shortest RSA key that is accepted, since Envoy accepts no
// shorter one either.
const MinRSABits = 2048

const (
	typePKCS8     = "PRIVATE KEY"           // RFC 5958
	typePKCS1     = "RSA PRIVATE KEY"       // RFC 8017
	typeSEC1      = "EC PRIVATE KEY"        // RFC 5915
	typeEncrypted = "ENCRYPTED PRIVATE KEY" // RFC 5958
)

// Key returns the one private key in data: RSA, ECDSA or Ed25519, as PKCS #8,
// PKCS #1 or SEC 1. Blocks of other types are passed over. Each error is an
// [*Error].
func Key(data []byte) (crypto.Signer, error) {
	found, err := blocks(data)
	if err != nil {
		return nil, err
	}
	var keys []block
	for _, b := range found {
		switch b.Type {
		case typePKCS8, typePKCS1, typeSEC1, typeEncrypted:
			keys = append(keys, b)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, &Error{Kind: NoKey, detail: kinds(found)}
	case len(keys) > 1:
		return nil, &Error{Kind: SeveralKeys}
	}
	return parseKey(keys[0])
}

// parseKey drops the parsers' own errors: they are about bytes of the key.
func parseKey(b block) (crypto.Signer, error) {
	// Proc-Type is the encryption of RFC 1421, which openssl writes with -des3.
	if _, old := b.Headers["Proc-Type"]; old || b.Type == typeEncrypted {
		return nil, &Error{Kind: EncryptedKey}
	}
	var parsed any
	var err error
	switch b.Type {
	case typePKCS1:
		parsed, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case typeSEC1:
		parsed, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	if err != nil {
		return nil, &Error{Kind: BadKey, Block: b.number}
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < MinRSABits {
			return nil, &Error{Kind: WeakKey}
		}
		return key, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P224() { // which TLS 1.3 has no signature for (RFC 8446 section 4.2.3)
			return nil, &Error{Kind: WeakKey}
		}
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, &Error{Kind: BadKey, Block: b.number}
}

// Fits returns nil when key is the private key of cert, and an [*Error] of kind
// [Mismatch] otherwise.
func Fits(cert *x509.Certificate, key crypto.Signer) error {
	public, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.PublicKey) {
		return &Error{Kind: Mismatch}
	}
	return nil
}
