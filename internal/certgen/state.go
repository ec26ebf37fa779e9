package certgen

import (
	"crypto/x509"
	"path/filepath"
	"time"
)

// AuthorityName is the name by which a [Change] and a path know the CA.
const AuthorityName = authorityDir

// Paths are those of the three files of an identity in the folder at dir, for whoever
// reads them and leaves the folder's lock and its CA alone.
func Paths(dir, name string) (ca, cert, key string) {
	in := func(file string) string { return filepath.Join(dir, name, file) }
	return in(caFile), in(certFile(name)), in(keyFile(name))
}

// HasAuthority tells whether the folder has a CA, be it one that can't be read.
func (f *Folder) HasAuthority() bool { return f.Exists(authorityDir) }

// Signing is the certificate of the CA that signs. Its error is that of a CA that is
// missing, can't be read or is none.
func (f *Folder) Signing() (*x509.Certificate, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	return c.signing.cert, nil
}

// Span is from when a certificate was made here, which is later than its start by
// [Backdate], to its end.
func Span(cert *x509.Certificate) (made, end time.Time) {
	return cert.NotBefore.Add(Backdate), cert.NotAfter
}
