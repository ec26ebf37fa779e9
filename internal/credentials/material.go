package credentials

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"
)

// Material is one generation of credentials: a certificate chain with its key,
// the trusted roots, when it was loaded. It is immutable and swapped whole, so
// that nobody sees the certificate of one generation beside the roots of
// another. It is safe for concurrent use. Formatting one, with whatever verb,
// prints its fingerprint and nothing of the key.
type Material struct {
	chain       []*x509.Certificate
	key         crypto.Signer
	roots       []*x509.Certificate
	pool        *x509.CertPool
	loaded      time.Time
	fingerprint string

	rootFingerprints []string
}

// NewMaterial makes a generation of a chain, leaf first, with the leaf's key, and
// the roots that peers are verified against. It checks nothing: that is for the
// provider, see [Load]. It panics when chain is empty.
func NewMaterial(chain []*x509.Certificate, key crypto.Signer, roots []*x509.Certificate, loaded time.Time) *Material {
	if len(chain) == 0 {
		panic("credentials: material without a certificate")
	}
	m := &Material{
		chain: slices.Clone(chain), key: key, roots: slices.Clone(roots),
		pool: x509.NewCertPool(), loaded: loaded,
	}
	for _, root := range roots {
		m.pool.AddCert(root)
	}
	m.fingerprint, m.rootFingerprints = fingerprint(m.chain, m.roots), rootFingerprints(m.roots)
	return m
}

// Chain returns the certificate chain, leaf first.
func (m *Material) Chain() []*x509.Certificate { return slices.Clone(m.chain) }

// Roots returns the certificates that peers are verified against.
func (m *Material) Roots() []*x509.Certificate { return slices.Clone(m.roots) }

// Loaded returns when this generation was loaded.
func (m *Material) Loaded() time.Time { return m.loaded }

// Fingerprint identifies the generation: 16 hexadecimal digits of a SHA-256 over
// all its certificates, intermediates and roots included. A key needs no place in
// it, since the leaf holds its public half.
func (m *Material) Fingerprint() string { return m.fingerprint }

// Format implements [fmt.Formatter] so that no verb reaches the private key.
func (m *Material) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "credentials "+m.fingerprint)
}

// certificate is the chain and key as crypto/tls takes them.
func (m *Material) certificate() tls.Certificate {
	cert := tls.Certificate{PrivateKey: m.key, Leaf: m.chain[0]}
	for _, c := range m.chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert
}

func fingerprint(chain, roots []*x509.Certificate) string {
	h := sha256.New()
	for _, certs := range [][]*x509.Certificate{chain, roots} {
		// The count keeps a certificate that moves from one list to the other from
		// going unnoticed.
		fmt.Fprintf(h, "%d:", len(certs))
		for _, c := range certs {
			sum := sha256.Sum256(c.Raw)
			h.Write(sum[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
