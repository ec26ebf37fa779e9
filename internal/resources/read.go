package resources

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
)

// maxFileBytes bounds one file. A ConfigMap ends at 1 MiB; this is room for a
// file that a program wrote for a large fleet, and still no way to fill the
// memory with a mistake.
const maxFileBytes = 64 << 20

// Config says which folder is read, and what is known besides.
type Config struct {
	// Dir is the folder. Its .yaml, .yml and .json files are read; other files and
	// hidden ones are passed over.
	Dir string
	// Optional. ExternalClusters are clusters that an Envoy knows from its own start
	// configuration, so that resources may refer to them; unset means only
	// [ServerCluster].
	ExternalClusters []string
	// Optional. Logger takes what [Folder] has to say of changes; unset means
	// nowhere. [Read] logs nothing.
	Logger *slog.Logger
	// Optional. Registerer is where [Open] registers the metrics; unset means
	// nowhere.
	Registerer prometheus.Registerer
}

// Read reads and validates the folder once. Its error is [Errors] when the files
// could be read but not served, and says which folder or file can't be read
// otherwise. Either is safe to be shown: see the package's documentation.
func Read(cfg Config) (*Snapshot, error) {
	set, err := files.ReadDir(cfg.Dir, isResourceFile, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("reading resources in %q: %w", cfg.Dir, err)
	}
	errs, err := subFolders(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading resources in %q: %w", cfg.Dir, err)
	}
	if len(errs) == 0 && len(set) == 0 {
		// More often a folder that is not mounted than one that is meant to be empty.
		return nil, fmt.Errorf(`reading resources in %q: it holds no .yaml, .yml or .json file; to serve nothing at all, put in a file that says "resources: []"`, cfg.Dir)
	}
	all, complete, found := parseFiles(set)
	complete = complete && len(errs) == 0
	errs = append(errs, found...)
	errs = append(errs, duplicates(all)...)
	errs = append(errs, check(all, complete, cfg.ExternalClusters)...)
	if err := errs.orNil(); err != nil {
		return nil, err
	}
	return newSnapshot(all)
}

// subFolders refuses folders whose files would be read a level higher: nothing
// that looks like a resource is passed over in silence.
func subFolders(dir string) (Errors, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var errs Errors
	for _, e := range entries {
		if sub := filepath.Join(dir, e.Name()); !hidden(e.Name()) && holdsResourceFiles(sub) {
			errs = append(errs, Finding{File: sub, Problem: "is a folder with resource files, which is not entered: put the files into the folder above"})
		}
	}
	return errs, nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// maxWalked bounds how many entries of a sub-folder are looked at, since a link may
// lead anywhere.
const maxWalked = 10_000

// holdsResourceFiles reports whether path is a folder, or a link to one, with a
// file in it or below it that would be read if it stood one level higher. What
// can't be looked into is passed over.
func holdsResourceFiles(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return false
	}
	found, walked := false, 0
	// The separator at the end makes the walk follow a link. It returns no error of
	// its own, since the function returns none.
	_ = filepath.WalkDir(path+string(filepath.Separator), func(_ string, e fs.DirEntry, err error) error {
		walked++
		switch {
		case err != nil || e.IsDir() && hidden(e.Name()):
			return fs.SkipDir
		case walked > maxWalked:
			return fs.SkipAll
		case !e.IsDir() && !hidden(e.Name()) && isResourceFile(e.Name()):
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// parseFiles decodes the resources of all files. complete is false when some could
// not even be told apart, so that nobody can know what they define.
func parseFiles(set []files.File) (all []*resource, complete bool, errs Errors) {
	complete = true
	for _, f := range set {
		var nodes []*node
		root, wrong := parse(f.Path, f.Data)
		if wrong == nil {
			nodes, wrong = list(root)
		}
		if wrong != nil {
			complete = false
			errs = append(errs, Finding{File: f.Path, Line: wrong.line, Problem: wrong.text})
			continue
		}
		for _, n := range nodes {
			r, found := decodeResource(f.Path, n)
			errs = append(errs, found...)
			if r == nil || r.name == "" {
				complete = false
				continue
			}
			all = append(all, r)
		}
	}
	return all, complete, errs
}

// identity is what no two resources may share.
type identity struct{ url, name string }

func (r *resource) id() identity { return identity{r.kind.URL, r.name} }

// duplicates finds resources of one type and name.
func duplicates(all []*resource) Errors {
	var errs Errors
	first := make(map[identity]*resource, len(all))
	for _, r := range all {
		id := r.id()
		if earlier, ok := first[id]; ok {
			errs = append(errs, r.findingAt(r.node.line, "",
				fmt.Sprintf("is defined twice: the other one stands at %s:%d", earlier.file, earlier.node.line)))
			continue
		}
		first[id] = r
	}
	return errs
}
