package certgen

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
)

// KeyKind is an algorithm of keys. All of them are taken by Envoy, gRPC and Go.
type KeyKind string

// The kinds of keys.
const (
	// ECDSA is ECDSA on P-256, which costs a handshake the least.
	ECDSA   KeyKind = "ecdsa"
	Ed25519 KeyKind = "ed25519"
	// RSA is RSA of 3072 bits, as strong as the others.
	RSA KeyKind = "rsa"
)

const rsaBits = 3072

// ParseKeyKind returns the kind of that name. Empty means [ECDSA].
func ParseKeyKind(name string) (KeyKind, error) {
	switch kind := KeyKind(name); kind {
	case "":
		return ECDSA, nil
	case ECDSA, Ed25519, RSA:
		return kind, nil
	}
	return "", fmt.Errorf("%q is no kind of key; give %s, %s or %s", name, ECDSA, Ed25519, RSA)
}

func newKey(name KeyKind) (crypto.Signer, error) {
	kind, err := ParseKeyKind(string(name))
	if err != nil {
		return nil, err
	}
	switch kind {
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case RSA:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
}

// kindOf is the kind of a key that is to have a successor.
func kindOf(public crypto.PublicKey) (KeyKind, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return ECDSA, nil
		}
	case ed25519.PublicKey:
		return Ed25519, nil
	case *rsa.PublicKey:
		return RSA, nil
	}
	return "", errors.New("its key is of a kind that is not made here (ECDSA P-256, Ed25519 or RSA)")
}
