package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// MaxFileSize is the most that a credential file may hold, in bytes: the largest
// bundle of public roots is a quarter of it.
const MaxFileSize = 1 << 20

// Source is a credential file together with the setting that named it, so that
// an error can name both.
type Source struct {
	// Setting is what the operator knows it by, such as --contour-cafile.
	Setting string
	Path    string
}

// FileSet is the three files of one side of the channel.
type FileSet struct {
	// CA is the bundle that the peer's certificate is verified against.
	CA Source
	// Cert is the certificate chain, leaf first.
	Cert Source
	// Key is the leaf's private key. It may be the same file as Cert.
	Key Source
}

func (s FileSet) sources() []Source { return []Source{s.CA, s.Cert, s.Key} }

func (s FileSet) paths() []string { return []string{s.CA.Path, s.Cert.Path, s.Key.Path} }

// Load reads the three files as one consistent set and checks all that can be
// known before the first handshake: that each file can be read and is what it
// should be, that the key is the certificate's, that the certificate is valid at
// the time now and may be used in role. What is unwise and not wrong is logged
// as a warning.
//
// An error names the setting and the file, says what to do, and holds nothing of
// the key.
func Load(set FileSet, role Role, now time.Time, log *slog.Logger) (*Material, error) {
	c, _, err := load(set, role, now, log)
	if err != nil {
		return nil, err
	}
	return c.material, nil
}

// load is Load for a provider, which goes on comparing the files with what they held.
func load(set FileSet, role Role, now time.Time, log *slog.Logger) (*candidate, digests, error) {
	read, err := set.read()
	if err != nil {
		return nil, digests{}, err
	}
	c, err := read.check(set, role, now)
	if err != nil {
		return nil, digests{}, err
	}
	c.warn(set, role, now, log)
	return c, read.digests(), nil
}

func (s Source) wrap(err error) error { return fmt.Errorf("%s %q: %w", s.Setting, s.Path, err) }

// readError puts the operating system's reason into an operator's words.
func (s FileSet) readError(err error) error {
	if errors.Is(err, files.ErrUnstable) {
		return fmt.Errorf("reading %s, %s and %s: %w; try again when their writer is done",
			s.CA.Setting, s.Cert.Setting, s.Key.Setting, err)
	}
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) {
		return fmt.Errorf("reading credentials: %w", err)
	}
	for _, source := range s.sources() {
		if source.Path == pathErr.Path {
			return source.wrap(files.Explain(pathErr, "credential file", MaxFileSize))
		}
	}
	return fmt.Errorf("reading credentials: %w", err)
}
