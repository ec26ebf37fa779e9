package certgen

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Usage is the side of the channel that a leaf is for. There is none for both:
// a certificate that could pose as contour has no place with an Envoy.
type Usage int

// The two sides.
const (
	ServerAuth Usage = iota + 1
	ClientAuth
)

// String is the extended key usage, as openssl spells it.
func (u Usage) String() string {
	if u == ClientAuth {
		return "clientAuth"
	}
	return "serverAuth"
}

func (u Usage) extended() (x509.ExtKeyUsage, error) {
	switch u {
	case ServerAuth:
		return x509.ExtKeyUsageServerAuth, nil
	case ClientAuth:
		return x509.ExtKeyUsageClientAuth, nil
	}
	return 0, errors.New("it is for neither side; say whether it is a server's or a client's")
}

// Leaf says what certificate [Authority.Issue] issues.
type Leaf struct {
	// Name is its common name. It is for people: peers look at Names.
	Name  string
	Usage Usage
	Names Names
	// Optional. How long from now it lives; unset means [DefaultLifetime].
	Lifetime time.Duration
	// Optional. The kind of its key; unset means [ECDSA].
	Key KeyKind
	// Optional. The moment of issuing; unset means the present.
	Now time.Time
	// Optional. Set, a leaf that would outlive its CA ends with it; unset, it is an
	// error. See [Issued.Shortened].
	EndWithAuthority bool
}

// Issued is a leaf with its key. It is immutable; formatting one prints its
// fingerprint and nothing of the key.
type Issued struct {
	chain     []*x509.Certificate
	key       crypto.Signer
	shortened bool
}

// Issue makes a key and a certificate for it. It fails for what a peer would refuse
// later: no name, no lifetime, or a CA that has expired or would before its leaf.
func (a *Authority) Issue(leaf Leaf) (*Issued, error) {
	if leaf.Lifetime == 0 {
		leaf.Lifetime = DefaultLifetime
	}
	if err := leaf.check(); err != nil {
		return nil, fmt.Errorf("issuing %q: %w", leaf.Name, err)
	}
	start, end, err := a.validity(leaf)
	if err != nil {
		return nil, fmt.Errorf("issuing %q: %w", leaf.Name, err)
	}
	key, err := newKey(leaf.Key)
	if err != nil {
		return nil, fmt.Errorf("issuing %q: making its key: %w", leaf.Name, err)
	}
	template, err := leaf.template(key.Public())
	if err != nil {
		return nil, fmt.Errorf("issuing %q: %w", leaf.Name, err)
	}
	template.NotBefore, template.NotAfter = start, end
	cert, err := sign(template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("issuing %q: %w", leaf.Name, err)
	}
	chain := []*x509.Certificate{cert}
	if !a.root() { // a peer needs it to find the root
		chain = append(chain, a.cert)
	}
	return &Issued{chain: chain, key: key, shortened: end.Before(orNow(leaf.Now).Add(leaf.Lifetime))}, nil
}

func (l Leaf) check() error {
	_, usage := l.Usage.extended()
	return cmp.Or(checkCommonName(l.Name), usage, l.Names.check(), checkLifetime(l.Lifetime))
}

// validity is from an hour ago, or from the CA's own start, until the lifetime is
// over.
func (a *Authority) validity(leaf Leaf) (start, end time.Time, err error) {
	now := orNow(leaf.Now)
	start, end = now.Add(-Backdate), now.Add(leaf.Lifetime)
	switch {
	case now.After(a.cert.NotAfter):
		return start, end, fmt.Errorf("its CA expired at %s; replace the CA", stamp(a.cert.NotAfter))
	case now.Before(a.cert.NotBefore):
		return start, end, fmt.Errorf("its CA is not valid before %s, and it is %s; check this machine's clock", stamp(a.cert.NotBefore), stamp(now))
	}
	if start.Before(a.cert.NotBefore) {
		start = a.cert.NotBefore
	}
	if end.After(a.cert.NotAfter) {
		if !leaf.EndWithAuthority {
			return start, end, fmt.Errorf("it would end at %s, and its CA at %s already; ask for a lifetime of %s at most, or replace the CA",
				stamp(end), stamp(a.cert.NotAfter), FormatLifetime(a.cert.NotAfter.Sub(now)))
		}
		end = a.cert.NotAfter
	}
	return start, end, nil
}

func (l Leaf) template(public crypto.PublicKey) (*x509.Certificate, error) {
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	usage, err := l.Usage.extended()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: l.Name},
		BasicConstraintsValid: true, // critical, CA:FALSE
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{usage},
		DNSNames:              l.Names.DNS, IPAddresses: l.Names.IPs, URIs: l.Names.URIs,
		SubjectKeyId: id,
	}, nil
}

// Chain is the certificate, and its issuer where that is no root. The certificates
// must not be changed.
func (i *Issued) Chain() []*x509.Certificate { return slices.Clone(i.chain) }

// Key is the leaf's private key.
func (i *Issued) Key() crypto.Signer { return i.key }

// Shortened tells that the leaf ends with its CA, sooner than was asked for.
func (i *Issued) Shortened() bool { return i.shortened }

// CertPEM is the chain as PEM, leaf first.
func (i *Issued) CertPEM() []byte { return EncodeCertificates(i.chain...) }

// KeyPEM is the key as PKCS #8 in PEM.
func (i *Issued) KeyPEM() ([]byte, error) { return encodeKey(i.key) }

// Format implements [fmt.Formatter] so that no verb reaches the private key.
func (i *Issued) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "issued "+Fingerprint(i.chain[0]))
}
