package certgen

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// AuthorityConfig says what CA [NewAuthority] makes.
type AuthorityConfig struct {
	// Optional. Its common name, for people to read; unset means
	// [DefaultAuthorityName].
	Name string
	// Optional. The kind of its key; unset means [ECDSA].
	Key KeyKind
	// Optional. How long from now it lives; unset means [DefaultAuthorityLifetime].
	Lifetime time.Duration
	// Optional. The moment of making; unset means the present.
	Now time.Time
}

// Authority is a CA with its key. It is immutable and safe for concurrent use.
// Formatting one prints its fingerprint and nothing of the key.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes a root CA that may sign leaves and no further CA.
func NewAuthority(cfg AuthorityConfig) (*Authority, error) {
	if cfg.Name == "" {
		cfg.Name = DefaultAuthorityName
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultAuthorityLifetime
	}
	if err := cmp.Or(checkLifetime(cfg.Lifetime), checkCommonName(cfg.Name)); err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	key, err := newKey(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("making the CA's key: %w", err)
	}
	template, err := cfg.template(key.Public())
	if err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a CA: %w", err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// template is the certificate to be signed. Its subject has a part of its serial
// number, so that the CAs of a rollover differ by name too: by that alone some
// tools choose between them.
func (c AuthorityConfig) template(public crypto.PublicKey) (*x509.Certificate, error) {
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := orNow(c.Now)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: c.Name, SerialNumber: hex.EncodeToString(serial.Bytes()[:8])},
		NotBefore:    now.Add(-Backdate), NotAfter: now.Add(c.Lifetime),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 0, MaxPathLenZero: true,
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: id,
	}, nil
}

// ParseAuthority takes a CA from PEM: one certificate that may sign others, and its
// key. It does not look at the CA's dates, [Authority.Issue] does.
func ParseAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	certs, err := pemfile.Certificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the CA's certificate: %w", err)
	}
	if len(certs) != 1 {
		return nil, fmt.Errorf("reading the CA's certificate: found %d certificates; leave the one that signs", len(certs))
	}
	if !pemfile.IsAuthority(certs[0]) {
		return nil, errors.New("reading the CA's certificate: it may not sign others (basic constraints, key usage, RFC 5280 section 4.2.1); give that of a CA")
	}
	key, err := pemfile.Key(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading the CA's key: %w", err)
	}
	if err := pemfile.Fits(certs[0], key); err != nil {
		return nil, fmt.Errorf("reading the CA's key: %w", err)
	}
	return &Authority{cert: certs[0], key: key}, nil
}

// Certificate is the CA's certificate, which must not be changed.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM is the CA's certificate as PEM.
func (a *Authority) CertPEM() []byte { return EncodeCertificates(a.cert) }

// KeyPEM is the CA's key as PKCS #8 in PEM. Whoever has it can pose as either side.
func (a *Authority) KeyPEM() ([]byte, error) { return encodeKey(a.key) }

// Format implements [fmt.Formatter] so that no verb reaches the private key.
func (a *Authority) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "authority "+Fingerprint(a.cert))
}

// root tells whether the CA is its own issuer, so that a peer can trust it alone.
func (a *Authority) root() bool { return a.issued(a.cert) }

// issued tells whether this CA signed cert.
func (a *Authority) issued(cert *x509.Certificate) bool {
	return cert.CheckSignatureFrom(a.cert) == nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return x509.ParseCertificate(der)
}

// serialBits is the most that RFC 5280 section 4.1.2.2 leaves: 20 octets, of which
// the first bit is the sign.
const serialBits = 159

// newSerial is a random positive number of 20 octets.
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits-1))
	if err != nil {
		return nil, fmt.Errorf("choosing a serial number: %w", err)
	}
	return serial.SetBit(serial, serialBits-1, 1), nil
}
