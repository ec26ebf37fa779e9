package certgen

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// Identity is what one folder has for one side of the channel.
type Identity struct {
	// Name is that of its folder.
	Name string
	// Chain is its certificate, and intermediates if any.
	Chain []*x509.Certificate
	// Roots is its CA bundle.
	Roots []*x509.Certificate
	// CA, Cert and Key are the paths of its files.
	CA, Cert, Key string

	keyPEM []byte
}

func certFile(name string) string { return name + ".pem" }
func keyFile(name string) string  { return name + "-key.pem" }

// Usage is the side that it is for.
func (i *Identity) Usage() Usage {
	if slices.Contains(i.Chain[0].ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return ServerAuth
	}
	return ClientAuth
}

// Due tells whether less than a third of its life is left, which is when to renew.
func (i *Identity) Due(now time.Time) bool {
	return spent(i.Chain[0].NotBefore, i.Chain[0].NotAfter, now)
}

// cutShort tells whether it ends with the CA that issued it, so that its lifetime is
// none that somebody asked for.
func (i *Identity) cutShort() bool {
	leaf := i.Chain[0]
	return slices.ContainsFunc(slices.Concat(i.Chain[1:], i.Roots), func(ca *x509.Certificate) bool {
		return ca.NotAfter.Equal(leaf.NotAfter) && leaf.CheckSignatureFrom(ca) == nil
	})
}

// lifetime is the one to issue it anew with: the same, unless that was cut short, which
// would go on for ever under the CAs to come.
func (i *Identity) lifetime() time.Duration {
	if i.cutShort() {
		return DefaultLifetime
	}
	return lifetimeOf(i.Chain[0].NotBefore, i.Chain[0].NotAfter)
}

// request asks for a certificate of the same names, usage, lifetime and kind of
// key, with a new key.
func (i *Identity) request(now time.Time) (Leaf, error) {
	old := i.Chain[0]
	kind, err := kindOf(old.PublicKey)
	if err != nil {
		return Leaf{}, fmt.Errorf("renewing %q: %w; issue it anew with contour certgen %s --overwrite", i.Cert, err, i.side())
	}
	if slices.Contains(old.ExtKeyUsage, x509.ExtKeyUsageServerAuth) == slices.Contains(old.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return Leaf{}, fmt.Errorf("renewing %q: it is for both sides, or for neither; issue it anew with contour certgen server or client, and --overwrite", i.Cert)
	}
	return Leaf{
		Name: old.Subject.CommonName, Usage: i.Usage(),
		Names:    Names{DNS: old.DNSNames, IPs: old.IPAddresses, URIs: old.URIs},
		Lifetime: i.lifetime(), Key: kind, Now: now, EndWithAuthority: true,
	}, nil
}

func (i *Identity) side() string {
	if i.Usage() == ServerAuth {
		return "server"
	}
	return "client"
}

// Identities returns all that the folder has, by name.
func (f *Folder) Identities() ([]*Identity, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of certificates: %w", err)
	}
	var all []*Identity
	for _, entry := range entries {
		name := entry.Name()
		if name == authorityDir || strings.HasPrefix(name, ".") {
			continue
		}
		if _, err := os.Stat(f.Path(name, certFile(name))); err != nil {
			continue // a folder or a file of somebody else's
		}
		identity, err := f.Identity(name)
		if err != nil {
			return nil, err
		}
		all = append(all, identity)
	}
	return all, nil
}

// Identity reads one, and holds its files to each other.
func (f *Folder) Identity(name string) (*Identity, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	i := &Identity{Name: name, CA: f.Path(name, caFile), Cert: f.Path(name, certFile(name)), Key: f.Path(name, keyFile(name))}
	data, err := f.read(name, caFile, certFile(name), keyFile(name))
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w; each identity is a folder with %s, %s and %s", name, err, caFile, certFile("NAME"), keyFile("NAME"))
	}
	if i.Roots, err = pemfile.Certificates(data[0]); err != nil {
		return nil, fmt.Errorf("reading %q: %w", i.CA, err)
	}
	if i.Chain, err = pemfile.Certificates(data[1]); err != nil {
		return nil, fmt.Errorf("reading %q: %w", i.Cert, err)
	}
	key, err := pemfile.Key(data[2])
	if err == nil {
		err = pemfile.Fits(i.Chain[0], key)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", i.Key, err)
	}
	i.keyPEM = data[2]
	return i, nil
}

// issue makes a leaf and writes it with the bundle of the moment, as one change.
func (f *Folder) issue(c *custody, folder string, leaf Leaf) (Change, error) {
	issued, err := c.signing.Issue(leaf)
	if err != nil {
		return Change{}, err
	}
	key, err := issued.KeyPEM()
	if err != nil {
		return Change{}, err
	}
	err = f.write(folder, map[string][]byte{
		caFile: bundle(c.roots()), certFile(folder): issued.CertPEM(), keyFile(folder): key,
	})
	change := Change{Name: folder, Done: "issued", End: issued.chain[0].NotAfter, Names: leaf.Names.List()}
	if issued.Shortened() {
		change.Note = fmt.Sprintf("it ends with its CA, sooner than its lifetime of %s; replace the CA", FormatLifetime(leaf.Lifetime))
	}
	return change, err
}

// rebundle gives an identity the bundle of the moment, and leaves its pair alone.
func (f *Folder) rebundle(c *custody, i *Identity) (Change, error) {
	err := f.write(i.Name, map[string][]byte{
		caFile: bundle(c.roots()), certFile(i.Name): EncodeCertificates(i.Chain...), keyFile(i.Name): i.keyPEM,
	})
	return Change{Name: i.Name, Done: "given the CA bundle of now", End: i.Chain[0].NotAfter}, err
}
