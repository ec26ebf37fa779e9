// Package inspect explains credential files: what is in them, whether they fit
// together, and what each side of the channel would say of them. It never shows
// anything of a private key but its kind.
package inspect

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
	"github.com/contour-xds/contour/internal/revocation"
)

// File is what one file holds.
type File struct {
	Path         string        `json:"path"`
	Certificates []Certificate `json:"certificates,omitempty"`
	// Lists are the certificate revocation lists of a file of such.
	Lists []RevocationList `json:"revocation_lists,omitempty"`
	// PrivateKey is the kind of its private key; empty without one.
	PrivateKey string `json:"private_key,omitempty"`
	// Problem is why the file can't be used; empty when it can.
	Problem string `json:"problem,omitempty"`

	certs []*x509.Certificate
	key   crypto.Signer
}

// Certificate is one certificate in words.
type Certificate struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"sha256"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Key         string    `json:"key"`
	CA          bool      `json:"ca"`
	// Usages are the key usages and extended key usages, as openssl spells them.
	Usages []string `json:"usages,omitempty"`
	// Names are the subject alternative names, as in DNS:contour.
	Names []string `json:"names,omitempty"`
}

// Read explains the file at path. What is wrong with it is in its Problem.
func Read(path string) File {
	f := File{Path: path}
	read, err := files.Read([]string{path}, max(credentials.MaxFileSize, revocation.MaxBytes))
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	f.parse(read[0].Data)
	return f
}

func (f *File) parse(data []byte) {
	if holdsLists(data) {
		f.parseLists(data)
		return
	}
	var certErr, keyErr error
	f.certs, certErr = pemfile.Certificates(data)
	f.key, keyErr = pemfile.Key(data)
	for _, cert := range f.certs {
		f.Certificates = append(f.Certificates, describe(cert))
	}
	if keyErr == nil {
		f.PrivateKey = keyKind(f.key.Public())
	}
	switch {
	case certErr != nil && keyErr != nil && is(certErr, pemfile.NoCertificate) && !is(keyErr, pemfile.NoKey):
		f.Problem = keyErr.Error()
	case certErr != nil && keyErr != nil, certErr != nil && !is(certErr, pemfile.NoCertificate):
		f.Problem = certErr.Error()
	case keyErr != nil && !is(keyErr, pemfile.NoKey):
		f.Problem = keyErr.Error()
	}
}

func is(err error, kind pemfile.Kind) bool {
	var typed *pemfile.Error
	return errors.As(err, &typed) && typed.Kind == kind
}

func describe(cert *x509.Certificate) Certificate {
	sum := sha256.Sum256(cert.Raw)
	return Certificate{
		Subject: printable(cert.Subject.String()), Issuer: printable(cert.Issuer.String()),
		Serial: strings.ToUpper(cert.SerialNumber.Text(16)), Fingerprint: hex.EncodeToString(sum[:]),
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(),
		Key: keyKind(cert.PublicKey), CA: pemfile.IsAuthority(cert), Usages: usages(cert), Names: names(cert),
	}
}

func keyKind(public crypto.PublicKey) string {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA of %d bits", key.N.BitLen())
	}
	return "of another kind"
}

func names(cert *x509.Certificate) []string {
	var list []string
	for _, name := range cert.DNSNames {
		list = append(list, "DNS:"+name)
	}
	for _, ip := range cert.IPAddresses {
		list = append(list, "IP:"+ip.String())
	}
	for _, uri := range cert.URIs {
		list = append(list, "URI:"+uri.String())
	}
	for _, address := range cert.EmailAddresses {
		list = append(list, "email:"+address)
	}
	for i := range list {
		list[i] = printable(list[i])
	}
	return list
}

// printable keeps what a certificate says from looking like a line of its own, or
// from giving a terminal orders.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

var keyUsages = []struct {
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature"},
	{x509.KeyUsageContentCommitment, "nonRepudiation"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment"},
	{x509.KeyUsageDataEncipherment, "dataEncipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement"},
	{x509.KeyUsageCertSign, "keyCertSign"},
	{x509.KeyUsageCRLSign, "cRLSign"},
}

var extendedUsages = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageAny: "anyExtendedKeyUsage", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
	x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
	x509.ExtKeyUsageTimeStamping: "timeStamping", x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
}

func usages(cert *x509.Certificate) []string {
	var list []string
	for _, usage := range keyUsages {
		if cert.KeyUsage&usage.bit != 0 {
			list = append(list, usage.name)
		}
	}
	for _, usage := range cert.ExtKeyUsage {
		name, known := extendedUsages[usage]
		if !known {
			name = "an extended usage of another kind"
		}
		list = append(list, name)
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		list = append(list, oid.String())
	}
	return list
}
