package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/contour-xds/contour/internal/pemfile"
)

// Group is files that belong together, most often those of one folder.
type Group struct {
	Files []File `json:"files"`
	// Verdicts are what each side would say of them.
	Verdicts []Verdict `json:"verdicts"`

	side side
}

// Verdict is what somebody would say of a group.
type Verdict struct {
	// Who would say it.
	Who string `json:"who"`
	// Accepts is false where the files would be refused.
	Accepts bool `json:"accepts"`
	// Says is the error, or warnings; empty when all is well.
	Says []string `json:"says,omitempty"`
}

// Config says what to explain.
type Config struct {
	// Optional. Files of one side, by what they are; unset means to be found out.
	CA, Cert, Key string
	// Optional. Further files, which make one group with those above, and folders,
	// each of which makes one of its own, and so does each folder in it.
	Paths []string
	// ServerName is what an Envoy demands of a server.
	ServerName string
	// Now is the moment to judge for.
	Now time.Time
}

// Explain reads the files and judges them. What is wrong with them is in the
// groups; an error means that there is nothing to judge.
func Explain(cfg Config) ([]Group, error) {
	var groups []Group
	var loose []string
	for _, path := range cfg.Paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			loose = append(loose, path)
			continue
		}
		found, err := folders(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("reading %q: neither it nor a folder in it has a file of PEM", path)
		}
		for _, paths := range found {
			groups = append(groups, cfg.group(role{}, paths))
		}
	}
	given := role{ca: cfg.CA, cert: cfg.Cert, key: cfg.Key}
	if len(loose) > 0 || given != (role{}) {
		groups = append([]Group{cfg.group(given, loose)}, groups...)
	}
	together(groups)
	return groups, nil
}

// folders lists the PEM files of a folder and of each folder in it, as one list for
// each that has any.
func folders(dir string) ([][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var own []string
	var below [][]string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if entry.IsDir() {
			if paths := pemFiles(path); len(paths) > 0 {
				below = append(below, paths)
			}
			continue
		}
		if holdsPEM(path) {
			own = append(own, path)
		}
	}
	if len(own) > 0 {
		return append([][]string{own}, below...), nil
	}
	return below, nil
}

func pemFiles(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); !strings.HasPrefix(entry.Name(), ".") && holdsPEM(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// holdsPEM goes by the ending: what is broken inside is to be told, not passed over.
func holdsPEM(path string) bool {
	switch filepath.Ext(path) {
	case ".pem", ".crt", ".cer", ".key", ".crl":
		return true
	}
	return false
}

// role is which file is what.
type role struct{ ca, cert, key string }

// group reads files and judges them as the files of one side.
func (cfg Config) group(given role, paths []string) Group {
	var g Group
	seen := make(map[string]bool)
	for _, path := range append([]string{given.ca, given.cert, given.key}, paths...) {
		if path != "" && !seen[path] {
			seen[path] = true
			g.Files = append(g.Files, Read(path))
		}
	}
	g.side = side{cfg: cfg, role: g.roles(given), files: make(map[string]File)}
	for _, f := range g.Files {
		g.side.files[f.Path] = f
		if f.Problem != "" {
			g.Verdicts = append(g.Verdicts, Verdict{Who: "contour", Says: []string{fmt.Sprintf("%q: %s", f.Path, f.Problem)}})
		}
	}
	if len(g.Verdicts) == 0 {
		g.Verdicts = append(g.verdicts(), g.ofLists(cfg.Now)...)
	}
	return g
}

// roles finds out which file is what, where that is not given: the first of a kind.
func (g Group) roles(r role) role {
	for _, f := range g.Files {
		switch {
		case len(f.certs) > 0 && !pemfile.IsAuthority(f.certs[0]) && r.cert == "":
			r.cert = f.Path
		case len(f.certs) > 0 && pemfile.IsAuthority(f.certs[0]) && r.ca == "":
			r.ca = f.Path
		}
	}
	for _, f := range g.Files {
		if f.key != nil && r.key == "" {
			r.key = f.Path
		}
	}
	return r
}
