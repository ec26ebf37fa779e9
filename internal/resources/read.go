package resources

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
)

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
	set, errs, err := readFiles(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading resources in %q: %w", cfg.Dir, err)
	}
	folders, err := subFolders(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading resources in %q: %w", cfg.Dir, err)
	}
	errs = append(errs, folders...)
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
			if errs.full() {
				return all, false, errs
			}
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
		if earlier, ok := first[id]; ok && !errs.full() {
			errs = append(errs, r.findingAt(r.node.line, "",
				fmt.Sprintf("is defined twice: the other one stands at %s:%d", earlier.file, earlier.node.line)))
			continue
		}
		first[id] = r
	}
	return errs
}
