package credentials

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"
)

// RootFingerprint is how metrics and logs name a root: the first 16 hexadecimal
// digits of the SHA-256 of its DER encoding, which `openssl x509 -fingerprint
// -sha256` prints with colons and in capitals.
func RootFingerprint(root *x509.Certificate) string {
	sum := sha256.Sum256(root.Raw)
	return hex.EncodeToString(sum[:8])
}

// RootFingerprints returns the fingerprint of each root, in the order of the
// bundle, and one that occurs twice once.
func (m *Material) RootFingerprints() []string { return slices.Clone(m.rootFingerprints) }

// Trusts tells whether a root is one of this generation's, byte for byte. A
// fingerprint would be too short to decide that by.
func (m *Material) Trusts(root *x509.Certificate) bool {
	return slices.ContainsFunc(m.roots, root.Equal)
}

// TrustsKeyOf tells whether a root of this generation has the name and the key of
// another one, as a CA certificate that was renewed has.
func (m *Material) TrustsKeyOf(root *x509.Certificate) bool {
	return slices.ContainsFunc(m.roots, func(r *x509.Certificate) bool {
		return bytes.Equal(r.RawSubject, root.RawSubject) && bytes.Equal(r.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)
	})
}

// VerifyClient verifies what a client presented, leaf first, as crypto/tls does in
// a handshake under [ServerTLS] with this generation at the time now: the roots are
// this generation's, and the use is client authentication. It returns every chain
// that it finds, each from the leaf to a root. It costs a signature for each
// certificate, some 50 µs for one of P-256, and next to nothing where no root has the issuer's name.
func (m *Material) VerifyClient(presented []*x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	return m.verify(presented, Client, now)
}

func (m *Material) verify(chain []*x509.Certificate, role Role, now time.Time) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	return chain[0].Verify(x509.VerifyOptions{
		Roots: m.pool, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{role.usage()},
	})
}

func rootFingerprints(roots []*x509.Certificate) []string {
	var all []string
	for _, root := range roots {
		if f := RootFingerprint(root); !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}
