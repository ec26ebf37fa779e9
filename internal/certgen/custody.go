package certgen

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// ErrNoAuthority says that a folder has no CA.
var ErrNoAuthority = errors.New("it has no CA")

// custody is what the folder ca holds: the CA that signs, and during a rollover the
// one that comes or the one that goes. It says which step a rollover is at.
type custody struct {
	// signing issues leaves.
	signing *Authority
	// next is trusted already, and will sign from the second step on; nil otherwise.
	next *Authority
	// old no longer signs, and is trusted until the third step; nil otherwise.
	old *x509.Certificate
	// oldKey is old with its key, which is kept where there are revocation lists: the one
	// of the old CA must be kept up for as long as its certificates are good. nil otherwise.
	oldKey *Authority
	// since is when the last step of the rollover was made; zero without one.
	since time.Time
}

// done is how many steps of a rollover are made.
func (c *custody) done() int {
	switch {
	case c.next != nil:
		return 1
	case c.old != nil:
		return 2
	}
	return 0
}

// step is the next step of a rollover. The first one is made anew for a new CA that has
// ended, or will soon: nothing is lost with one that never signed.
func (c *custody) step(now time.Time) int {
	if c.next != nil && spent(c.next.cert.NotBefore, c.next.cert.NotAfter, now) {
		return StepBundles
	}
	return c.done() + 1
}

// roots are what every bundle has to hold, the newest first: Envoy 1.36 lists the first
// CA of its bundle alone, and an operator has to see whether it has the new one.
func (c *custody) roots() []*x509.Certificate {
	var roots []*x509.Certificate
	if c.next != nil {
		roots = append(roots, c.next.cert)
	}
	roots = append(roots, c.signing.cert)
	if c.old != nil {
		roots = append(roots, c.old)
	}
	return roots
}

// custody reads the folder ca.
func (f *Folder) custody() (*custody, error) {
	if !f.Exists(authorityDir) {
		return nil, fmt.Errorf("reading %q: %w; contour certgen %s makes one, and one that was carried away must come back, its whole folder %s",
			f.dir, ErrNoAuthority, f.dir, authorityDir)
	}
	var c custody
	var err error
	if c.signing, err = f.authority(caFile, caKeyFile); err != nil {
		return nil, err
	}
	if c.next, err = f.authority(nextFile, nextKeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := f.readOld(&c); err != nil {
		return nil, err
	}
	if c.done() == 0 {
		return &c, nil
	}
	return &c, f.readSince(&c)
}

// readOld reads the CA that no longer signs, and its key if that is kept.
func (f *Folder) readOld(c *custody) error {
	old, err := f.read(authorityDir, oldFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		c.old, err = onlyCertificate(f.Path(authorityDir, oldFile), old[0])
	}
	if err != nil {
		return err
	}
	c.oldKey, err = f.authority(oldFile, oldKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *Folder) authority(cert, key string) (*Authority, error) {
	data, err := f.read(authorityDir, cert, key)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	a, err := ParseAuthority(data[0], data[1])
	if err != nil {
		return nil, fmt.Errorf("%q: %w", f.Path(authorityDir, cert), err)
	}
	if !a.root() { // Envoy takes nothing else for an anchor of trust
		return nil, fmt.Errorf("%q: it is not its own issuer; keep a root CA there", f.Path(authorityDir, cert))
	}
	return a, nil
}

func onlyCertificate(path string, data []byte) (*x509.Certificate, error) {
	certs, err := pemfile.Certificates(data)
	if err == nil && len(certs) != 1 {
		err = fmt.Errorf("found %d certificates; leave one", len(certs))
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return certs[0], nil
}

func (f *Folder) readSince(c *custody) error {
	data, err := f.read(authorityDir, sinceFile)
	if err != nil {
		return fmt.Errorf("reading when the last step was made: %w", err)
	}
	if c.since, err = time.Parse(time.RFC3339, strings.TrimSpace(string(data[0]))); err != nil {
		return fmt.Errorf("reading %q: it holds no time such as %s", f.Path(authorityDir, sinceFile), stamp(time.Unix(0, 0)))
	}
	return nil
}

// keep writes the folder ca: one change of all its files, and so one step.
func (f *Folder) keep(c *custody) error {
	key, err := c.signing.KeyPEM()
	if err != nil {
		return err
	}
	set := map[string][]byte{caFile: c.signing.CertPEM(), caKeyFile: key}
	if c.next != nil {
		if set[nextKeyFile], err = c.next.KeyPEM(); err != nil {
			return err
		}
		set[nextFile] = c.next.CertPEM()
	}
	if c.old != nil {
		set[oldFile] = EncodeCertificates(c.old)
	}
	if c.oldKey != nil {
		if set[oldKeyFile], err = c.oldKey.KeyPEM(); err != nil {
			return err
		}
	}
	if c.done() > 0 {
		set[sinceFile] = []byte(stamp(c.since) + "\n")
	}
	return f.write(authorityDir, set)
}
