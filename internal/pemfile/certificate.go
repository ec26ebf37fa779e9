package pemfile

import (
	"bytes"
	"crypto/x509"
)

const typeCertificate = "CERTIFICATE"

// Names that some tools give to certificates, of which the first holds more than
// one.
const (
	typeTrusted = "TRUSTED CERTIFICATE"
	typeX509    = "X509 CERTIFICATE"
)

// Certificates returns every certificate in data, in the file's order: a leaf
// with its intermediates, or a trust bundle. Blocks of other types are passed
// over, so that a file that holds a chain and its key serves for both. Each
// error is an [*Error].
func Certificates(data []byte) ([]*x509.Certificate, error) {
	found, err := blocks(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, b := range found {
		switch b.Type {
		case typeCertificate:
		case typeTrusted, typeX509:
			return nil, &Error{Kind: BadCertificate, Block: b.number, detail: "it is a " + b.Type + "; write it anew with openssl x509"}
		default:
			continue
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, &Error{Kind: BadCertificate, Block: b.number}
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, &Error{Kind: NoCertificate, detail: kinds(found)}
	}
	return certs, nil
}

// IsAuthority reports whether a certificate may sign others, as RFC 5280 has it. One
// of X.509 version 1 has no extension to say it in, and may when it is its own issuer.
func IsAuthority(cert *x509.Certificate) bool {
	if cert.Version < 3 {
		return bytes.Equal(cert.RawIssuer, cert.RawSubject)
	}
	maySign := cert.KeyUsage == 0 || cert.KeyUsage&x509.KeyUsageCertSign != 0
	return cert.BasicConstraintsValid && cert.IsCA && maySign
}
