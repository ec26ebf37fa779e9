// Package certtest makes throwaway certificate authorities and certificates for
// tests: good ones, and ones that are wrong in exactly one way. Nothing that it
// makes is ever written anywhere but into a test's own folder.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// ServerName is the DNS SAN of the certificates that [CA.Server] issues.
const ServerName = "contour"

// KeyType is an algorithm of keys.
type KeyType int

// The algorithms that Envoy and Go both take.
const (
	ECDSA KeyType = iota // on P-256
	P384
	P521
	Ed25519
	RSA // of 2048 bits
)

// NewKey makes a key. Failing to is the test's failure.
func NewKey(t testing.TB, kind KeyType) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case ECDSA:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case RSA:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	must(t, err)
	return key
}

// CA is a certificate authority that lives in memory. It is safe for concurrent
// use.
type CA struct {
	Cert *x509.Certificate

	key crypto.Signer
	// chain is what a leaf of this CA must present after itself: nothing under a
	// root.
	chain []*x509.Certificate
}

// NewCA makes a root of the given common name.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	return NewRoot(t, name, func(*x509.Certificate) {})
}

// NewRoot makes a root of the given common name, as change has changed it.
func NewRoot(t testing.TB, name string, change func(*x509.Certificate)) *CA {
	t.Helper()
	key := NewKey(t, ECDSA)
	template := caTemplate(t, name)
	change(template)
	return &CA{Cert: sign(t, template, template, key.Public(), key), key: key}
}

// Renewed is the root ca with another certificate for its name and key, valid for a
// day from now.
func (ca *CA) Renewed(t testing.TB) *CA {
	t.Helper()
	template := caTemplate(t, ca.Cert.Subject.CommonName)
	return &CA{Cert: sign(t, template, template, ca.key.Public(), ca.key), key: ca.key}
}

// CrossSigned is ca with a certificate of older's for its name and key: what it
// issues is verified by either root, since a leaf presents that certificate too.
func (ca *CA) CrossSigned(t testing.TB, older *CA) *CA {
	t.Helper()
	template := caTemplate(t, ca.Cert.Subject.CommonName)
	template.NotAfter = ca.Cert.NotAfter
	cross := sign(t, template, older.Cert, ca.key.Public(), older.key)
	return &CA{Cert: cross, key: ca.key, chain: []*x509.Certificate{cross}}
}

// Intermediate makes a CA whose certificate ca signs.
func (ca *CA) Intermediate(t testing.TB, name string) *CA {
	t.Helper()
	return ca.intermediate(t, caTemplate(t, name))
}

// Constrained makes a CA whose certificate ca signs, and that may only issue for
// DNS names below domain.
func (ca *CA) Constrained(t testing.TB, name, domain string) *CA {
	t.Helper()
	template := caTemplate(t, name)
	template.PermittedDNSDomains, template.PermittedDNSDomainsCritical = []string{domain}, true
	return ca.intermediate(t, template)
}

// Altered makes a CA whose certificate ca signs, as change has changed it.
func (ca *CA) Altered(t testing.TB, name string, change func(*x509.Certificate)) *CA {
	t.Helper()
	template := caTemplate(t, name)
	change(template)
	return ca.intermediate(t, template)
}

func (ca *CA) intermediate(t testing.TB, template *x509.Certificate) *CA {
	key := NewKey(t, ECDSA)
	cert := sign(t, template, ca.Cert, key.Public(), ca.key)
	return &CA{Cert: cert, key: key, chain: append([]*x509.Certificate{cert}, ca.chain...)}
}

// PEM is the CA's certificate.
func (ca *CA) PEM() []byte { return EncodeCertificates(ca.Cert) }

// KeyPEM is the CA's key as PKCS #8, for a tool that signs with it.
func (ca *CA) KeyPEM(t testing.TB) []byte {
	t.Helper()
	return (&Pair{Key: ca.key}).KeyPEM(t)
}

// Pool trusts this CA alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// Leaf says how a certificate is to differ from a good one. Its zero value is
// valid now, may be used by servers and clients, and has no SAN.
type Leaf struct {
	CommonName string
	DNSNames   []string
	IPs        []net.IP
	URIs       []*url.URL
	// NotBefore and NotAfter: unset means an hour ago and a day from now.
	NotBefore, NotAfter time.Time
	// Usages: nil means server and client authentication; empty and not nil means
	// no extended key usage at all.
	Usages []x509.ExtKeyUsage
	// KeyUsage: unset means digital signature.
	KeyUsage x509.KeyUsage
	Key      KeyType
}

// Server is a leaf for [ServerName] and the loopback addresses that may only be
// used by servers.
func Server() Leaf {
	return Leaf{
		CommonName: "server", DNSNames: []string{ServerName, "localhost"},
		IPs:    []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// Client is a leaf that may only be used by clients.
func Client() Leaf {
	return Leaf{
		CommonName: "client", DNSNames: []string{"envoy"},
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// Issue makes a certificate as leaf says, with a key of its own.
func (ca *CA) Issue(t testing.TB, leaf Leaf) *Pair {
	t.Helper()
	key := NewKey(t, leaf.Key)
	template := leaf.template(t)
	cert := sign(t, template, ca.Cert, key.Public(), ca.key)
	return &Pair{Chain: append([]*x509.Certificate{cert}, ca.chain...), Key: key}
}

// Certify makes a certificate as leaf says for a key that exists, and returns the chain,
// leaf first. The kind of the leaf's key does not matter.
func (ca *CA) Certify(t testing.TB, leaf Leaf, key crypto.Signer) []*x509.Certificate {
	t.Helper()
	return append([]*x509.Certificate{sign(t, leaf.template(t), ca.Cert, key.Public(), ca.key)}, ca.chain...)
}

func (l Leaf) template(t testing.TB) *x509.Certificate {
	template := base(t, l.CommonName)
	template.DNSNames, template.IPAddresses, template.URIs = l.DNSNames, l.IPs, l.URIs
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if l.Usages != nil {
		template.ExtKeyUsage = l.Usages
	}
	if l.KeyUsage != 0 {
		template.KeyUsage = l.KeyUsage
	}
	if !l.NotBefore.IsZero() {
		template.NotBefore = l.NotBefore
	}
	if !l.NotAfter.IsZero() {
		template.NotAfter = l.NotAfter
	}
	return template
}

// Pair is a certificate, leaf first, with its key.
type Pair struct {
	Chain []*x509.Certificate
	Key   crypto.Signer
}

// TLS is the pair as crypto/tls takes it.
func (p *Pair) TLS() tls.Certificate {
	cert := tls.Certificate{PrivateKey: p.Key, Leaf: p.Chain[0]}
	for _, c := range p.Chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert
}

// CertPEM is the chain, leaf first.
func (p *Pair) CertPEM() []byte { return EncodeCertificates(p.Chain...) }

// KeyPEM is the key as PKCS #8.
func (p *Pair) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Files are the paths of credential files.
type Files struct{ CA, Cert, Key string }

// WriteFiles writes ca.pem, tls.crt and tls.key into dir, over older ones, the
// key readable by its owner alone.
func WriteFiles(t testing.TB, dir string, ca *CA, pair *Pair) Files {
	t.Helper()
	f := Files{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	WriteFile(t, f.CA, ca.PEM())
	WriteFile(t, f.Cert, pair.CertPEM())
	WriteFile(t, f.Key, pair.KeyPEM(t))
	return f
}

// WriteFile writes data to path, readable by its owner alone.
func WriteFile(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path, data, 0o600))
}

// EncodeCertificates is certs as PEM.
func EncodeCertificates(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func caTemplate(t testing.TB, name string) *x509.Certificate {
	template := base(t, name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return template
}

func base(t testing.TB, name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	must(t, err)
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
