package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/files"
)

// The folders of a state folder: two identities, as contour certgen makes them, beside
// the CA, and the SDS files by which Envoy follows its own.
const (
	generatedServer = "contour"
	generatedClient = "envoy"
	generatedSDS    = "envoy-sds"
)

// stateSetting is what an operator knows the files of a state folder by.
const stateSetting = "--state-dir"

// ServerFiles are the server's in the state folder at dir.
func ServerFiles(dir string) FileSet { return stateFiles(dir, generatedServer) }

// ClientFiles are Envoy's in the state folder at dir. Reading them takes neither the
// folder's lock nor the CA's key.
func ClientFiles(dir string) FileSet { return stateFiles(dir, generatedClient) }

// ClientSDS is the folder of Envoy's SDS files in the state folder at dir.
func ClientSDS(dir string) string { return filepath.Join(dir, generatedSDS) }

func stateFiles(dir, name string) FileSet {
	ca, cert, key := certgen.Paths(dir, name)
	source := func(path string) Source { return Source{Setting: stateSetting, Path: path} }
	return FileSet{CA: source(ca), Cert: source(cert), Key: source(key)}
}

// CheckState refuses a state folder into which others can bring a CA of their own: one
// that is not of the user of this process or root's, or into which others may write, and
// one with such a folder in it. Reading is no harm, for what is in it is the owner's. What
// is missing is fine. Both who keeps the folder up and who only takes Envoy's files from
// it ask this: docs/design/0009-secure-by-default.md says why the rule is one.
func CheckState(dir string) error {
	for _, name := range []string{"", certgen.AuthorityName, generatedServer, generatedClient, generatedSDS} {
		if err := checkFolder(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func checkFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", stateSetting, err)
	case !info.IsDir():
		return nil // who opens it says so
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s %q may be written by others (mode %s), who could put a CA of their own there; take that right away, or give a folder that is not there yet, which contour serve makes",
			stateSetting, path, info.Mode().Perm())
	}
	if owner, known := files.Owner(info); known && !mayKeep(owner, os.Geteuid()) {
		return fmt.Errorf("%s %q belongs to user id %d, who could put a CA of their own there, and this runs as user id %d; run it as that user, give another folder, or, if you trust all that is in it, make it yours (chown -R)",
			stateSetting, path, owner, os.Geteuid())
	}
	return nil
}

// mayKeep tells whose folder a user can trust: their own, and that of root, who can have
// their keys anyway. Root trusts nobody else's, for its owner would do what root does.
func mayKeep(owner, user int) bool { return owner == user || owner == 0 }
