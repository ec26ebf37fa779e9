package credentials

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
)

// content is what the three files of a [FileSet] held at one moment, in the order
// of its sources.
type content []files.File

// read reads the files as one consistent set. Its error is in an operator's words.
func (s FileSet) read() (content, error) {
	read, err := files.Read(s.paths(), MaxFileSize)
	if err != nil {
		return nil, s.readError(err)
	}
	return read, nil
}

// digests tell contents apart and hold none, so that the key is in memory no
// oftener than it must.
type digests [3][sha256.Size]byte

func (c content) digests() digests {
	var sums digests
	for i, file := range c {
		sums[i] = sha256.Sum256(file.Data)
	}
	return sums
}

// candidate is a generation that was read and checked, and is not yet in force.
type candidate struct {
	material *Material
	// passedOver is how many certificates of the bundle are no CA.
	passedOver int
	// unverified is why the roots do not verify the material's own chain; nil says
	// that they do.
	unverified error
}

// check makes a generation of what was read, checked as [Load] says.
func (c content) check(set FileSet, role Role, now time.Time) (*candidate, error) {
	bundle, err := pemfile.Certificates(c[0].Data)
	if err != nil {
		return nil, set.CA.wrap(err)
	}
	chain, err := pemfile.Certificates(c[1].Data)
	if err != nil {
		return nil, set.Cert.wrap(err)
	}
	key, err := pemfile.Key(c[2].Data)
	if err != nil {
		return nil, set.Key.wrap(err)
	}
	if err := pemfile.Fits(chain[0], key); err != nil {
		return nil, set.Key.wrap(fmt.Errorf("%w (%s %q)", err, set.Cert.Setting, set.Cert.Path))
	}
	roots, err := authorities(bundle)
	if err != nil {
		return nil, set.CA.wrap(err)
	}
	if err := checkLeaf(chain[0], role, now); err != nil {
		return nil, set.Cert.wrap(err)
	}
	m := NewMaterial(chain, key, roots, now)
	_, unverified := m.verify(m.chain, role, now)
	return &candidate{material: m, passedOver: len(bundle) - len(roots), unverified: unverified}, nil
}
