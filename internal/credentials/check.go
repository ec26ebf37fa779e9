package credentials

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// Role is the side of the channel that a certificate is for.
type Role int

// The two sides.
const (
	// Server is contour's side.
	Server Role = iota
	// Client is Envoy's side.
	Client
)

// String is the extended key usage that the role needs, as openssl spells it.
func (r Role) String() string {
	if r == Client {
		return "clientAuth"
	}
	return "serverAuth"
}

func (r Role) usage() x509.ExtKeyUsage {
	if r == Client {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// authorities returns the certificates of bundle that may sign others. Only they
// become trusted roots: Go's verifier would take any other certificate in the
// pool as proof of itself.
func authorities(bundle []*x509.Certificate) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for _, cert := range bundle {
		if pemfile.IsAuthority(cert) {
			roots = append(roots, cert)
		}
	}
	if len(roots) == 0 {
		return nil, errors.New("holds no CA certificate (basic constraints CA:TRUE, and key usage keyCertSign if any, RFC 5280 section 4.2.1); give the certificate of the CA, not one that it issued")
	}
	return roots, nil
}

// checkLeaf refuses what every peer would refuse.
func checkLeaf(leaf *x509.Certificate, role Role, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate expired at %s; issue a new one", stamp(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s, and it is %s; check this machine's clock, or issue it anew",
			stamp(leaf.NotBefore), stamp(now))
	case !permits(leaf, role.usage()):
		return fmt.Errorf("the certificate may not be used for %s (extended key usage, RFC 5280 section 4.2.1.12); issue one with extendedKeyUsage=%s", role, role)
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		// BoringSSL, and so Envoy, holds a peer to this in TLS 1.3.
		return errors.New("the certificate may not be used for digital signatures, which TLS 1.3 needs (key usage, RFC 5280 section 4.2.1.3); issue one with keyUsage=digitalSignature")
	}
	return nil
}

// permits follows RFC 5280: without the extension every use is permitted.
func permits(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// warn logs what a peer may refuse or what weakens the channel, and yet can be
// meant.
func (c *candidate) warn(set FileSet, role Role, now time.Time, log *slog.Logger) {
	if info, err := os.Stat(set.Key.Path); err == nil && info.Mode().Perm()&0o004 != 0 {
		log.Warn("the private key can be read by every user of this machine; take that right away",
			"setting", set.Key.Setting, "file", set.Key.Path, "mode", info.Mode().Perm().String())
	}
	if c.passedOver > 0 {
		log.Warn("the CA bundle holds certificates that are no CA; they are not trusted",
			"setting", set.CA.Setting, "file", set.CA.Path, "count", c.passedOver)
	}
	for _, root := range c.material.roots {
		if now.After(root.NotAfter) {
			log.Warn("a CA certificate of the bundle has expired",
				"setting", set.CA.Setting, "file", set.CA.Path, "subject", root.Subject.String(), "not_after", stamp(root.NotAfter))
		}
	}
	if c.unverified != nil {
		log.Warn("the CA bundle does not verify our own certificate; a peer with the same bundle will refuse it",
			"setting", set.Cert.Setting, "file", set.Cert.Path, "bundle", set.CA.Path, "reason", c.unverified)
	}
	if leaf := c.material.chain[0]; role == Server && len(leaf.DNSNames) == 0 {
		log.Warn("the certificate has no DNS name; an Envoy that was told to demand one (contour bootstrap --xds-server-name) will refuse it",
			"setting", set.Cert.Setting, "file", set.Cert.Path)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
