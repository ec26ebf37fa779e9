package certgen

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// Names of folders and files. Those of an identity begin with its own name, so
// that a file which is carried elsewhere still tells what it is.
const (
	authorityDir = "ca"
	caFile       = "ca.pem"
	caKeyFile    = "ca-key.pem"
	nextFile     = "next.pem"
	nextKeyFile  = "next-key.pem"
	oldFile      = "old.pem"
	oldKeyFile   = "old-key.pem"
	sinceFile    = "since"
)

// fileMode lets nobody but the owner read what is made, keys above all.
const fileMode = 0o600

// maxFileSize bounds what is read, in bytes.
const maxFileSize = 1 << 20

// Folder keeps a CA, in the folder ca, and what it issued, each identity in a
// folder of its own with the three files that its side of the channel needs:
// ca.pem, NAME.pem and NAME-key.pem. All files of one of these folders change
// together, by [files.WriteSet], so that a process that is killed between any two
// writes leaves each of them whole; which of them are still to be changed is seen
// by [Folder.Rollover]. Beside them is the file [ListName], once something was revoked.
//
// A Folder is locked against other processes from [OpenFolder] to [Folder.Close]. It
// neither reads nor writes in a folder that came in its place, whose lock it does not
// have: see [Folder.Hold]. Its methods are for one goroutine.
type Folder struct {
	dir    string
	now    func() time.Time
	locked *files.Locked // nil where it is only read
}

// MakeFolder is [OpenFolder] of a folder that is made when it is missing.
func MakeFolder(dir string, now func() time.Time) (*Folder, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the folder of certificates: %w; give one whose parent is there and can be written", err)
	}
	return OpenFolder(dir, now)
}

// OpenFolder takes hold of the folder at dir. now tells the time; nil means the
// clock's.
func OpenFolder(dir string, now func() time.Time) (*Folder, error) {
	if now == nil {
		now = time.Now
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening the folder of certificates: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("opening the folder of certificates: %q is no folder; give one", dir)
	}
	locked, err := files.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of certificates: %w", err)
	}
	return &Folder{dir: dir, now: now, locked: locked}, nil
}

// ReadFolder is [OpenFolder] for whoever changes nothing: it takes no lock, so that the
// folder of a contour that runs can be read. A method that changes something fails, and
// one that reads may find a step of another process half made, and fail too.
func ReadFolder(dir string) *Folder { return &Folder{dir: dir, now: time.Now} }

var errUnlocked = errors.New("the folder was opened to be read, and is not to be changed")

// Close lets other processes have the folder.
func (f *Folder) Close() error {
	if f.locked != nil {
		f.locked.Unlock()
	}
	return nil
}

// Hold is an error, [files.ErrMoved], once the folder that is locked is no longer the one
// at its path. It passes again when that one is back, and always without a lock.
func (f *Folder) Hold() error {
	if f.locked == nil {
		return nil
	}
	return f.locked.Hold()
}

// Exists tells whether the folder has an identity of that name, or with "ca" a CA.
func (f *Folder) Exists(name string) bool {
	_, err := os.Lstat(filepath.Join(f.dir, name))
	return err == nil
}

// Path is that of a file in the folder of an identity.
func (f *Folder) Path(name, file string) string { return filepath.Join(f.dir, name, file) }

// writable tells why nothing may be written in the folder.
func (f *Folder) writable() error {
	if f.locked == nil {
		return errUnlocked
	}
	return f.Hold()
}

// write replaces all files of an identity, or of the CA.
func (f *Folder) write(name string, set map[string][]byte) error {
	if err := f.writable(); err != nil {
		return err
	}
	return files.WriteSet(filepath.Join(f.dir, name), set, fileMode)
}

// read returns files of an identity, or of the CA, as they stood at one moment.
func (f *Folder) read(name string, which ...string) ([][]byte, error) {
	var paths []string
	for _, file := range which {
		paths = append(paths, f.Path(name, file))
	}
	read, err := files.Read(paths, maxFileSize)
	if err != nil {
		return nil, err
	}
	if err := f.Hold(); err != nil { // afterwards, or another folder may have come meanwhile
		return nil, err
	}
	var data [][]byte
	for _, file := range read {
		data = append(data, file.Data)
	}
	return data, nil
}

// checkName keeps identities to names that a folder, a host and a Secret can have.
func checkName(name string) error {
	switch {
	case name == authorityDir:
		return fmt.Errorf("name %q is the CA's own; choose another", name)
	case badLabel(name):
		return fmt.Errorf("name %q must be of small letters, digits and hyphens, 63 at most, such as envoy-edge", name)
	}
	return nil
}

// Change is what was done to one identity, or to the CA.
type Change struct {
	// Name is the identity's; "ca" is the CA, and [ListName] the file of revocation lists.
	Name string
	// Done says what was done, as in "issued".
	Done string
	// End is when its certificate ends.
	End time.Time
	// Names are the leaf's; none for a CA.
	Names []string
	// Note is what to know besides; most often empty.
	Note string
}

func authorityChange(done string, cert *x509.Certificate) Change {
	return Change{Name: authorityDir, Done: done, End: cert.NotAfter}
}

// bundle is the roots that a peer is verified against.
func bundle(roots []*x509.Certificate) []byte { return EncodeCertificates(roots...) }

// sameBundle tells whether two bundles trust the same CAs, in whatever order.
func sameBundle(a, b []*x509.Certificate) bool {
	lacks := func(list []*x509.Certificate) func(*x509.Certificate) bool {
		return func(cert *x509.Certificate) bool { return !slices.ContainsFunc(list, cert.Equal) }
	}
	return !slices.ContainsFunc(a, lacks(b)) && !slices.ContainsFunc(b, lacks(a))
}
