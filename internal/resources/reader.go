package resources

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// reader reads one folder again and again, and does anew only what a change asks for:
// it reads the files whose stamp is another one, parses those whose content is, and
// checks and assembles the groups that have one of these. What is left is to look at
// each file's stamp. It is not safe for concurrent use.
type reader struct {
	cfg      Config
	external map[string]bool
	// What the last reading found, be it good or not. Files and units are by their
	// path below the folder.
	files  map[string]content
	units  map[string]sourced
	scopes map[string]*scope
	// good is the last state that was good, nil for none yet.
	good *Snapshots
}

// content is what is remembered of a file.
type content struct {
	stamp files.Stamp
	sum   [sha256.Size]byte
	// data is there for the files of a secret, which are needed whole when one of them
	// changes.
	data []byte
}

// sourced is a unit with the hash of what it was made of.
type sourced struct {
	sum  [sha256.Size]byte
	unit *unit
}

func newReader(cfg Config) *reader {
	r := &reader{cfg: cfg, external: map[string]bool{ServerCluster: true}}
	for _, name := range cfg.ExternalClusters {
		r.external[name] = true
	}
	return r
}

func (cfg Config) tree() files.Tree { return files.Tree{Dir: cfg.Dir, Enter: entered} }

// read reads the folder as [Read] does. Certificates are judged by the time now.
func (r *reader) read(now time.Time) (*Snapshots, error) {
	entries, err := files.ReadTree(r.cfg.tree(), maxFileBytes, func(path string, s files.Stamp) bool {
		known, ok := r.files[path]
		return isRead(path) && (!ok || s == files.Stamp{} || s != known.stamp)
	})
	if err != nil {
		return nil, fmt.Errorf("reading resources in %q: %w", r.cfg.Dir, err)
	}
	l := sortOut(r.cfg.Dir, entries)
	if l.empty() {
		// More often a folder that is not mounted than one that is meant to be empty.
		return nil, fmt.Errorf(`reading resources in %q: it holds no .yaml, .yml or .json file; to serve nothing at all, put in a file that says "resources: []"`, r.cfg.Dir)
	}
	all, errs := r.take(l)
	for i, s := range all {
		if i > 0 && errs.full() {
			break
		}
		s.check(all[1:])
		errs = append(errs, s.found...)
	}
	if err := errs.orNil(); err != nil {
		return nil, err
	}
	r.good = assemble(all, r.good, now)
	return r.good, nil
}

// take makes the scopes of what was read, the top first, and remembers it.
func (r *reader) take(l *layout) ([]*scope, Errors) {
	t := taking{reader: r, layout: l, errs: l.found, files: map[string]content{}, units: map[string]sourced{}}
	all := make([]*scope, 0, len(l.places))
	scopes := make(map[string]*scope, len(l.places))
	for _, p := range l.places {
		next := &scope{group: p.group, external: r.external}
		next.units, next.complete = t.unitsOf(p)
		if len(all) > 0 {
			next.top = all[0]
		}
		if last := r.scopes[p.group]; last.holdsFor(next) {
			next = last
		} else {
			next.define()
		}
		all = append(all, next)
		scopes[p.group] = next
	}
	r.files, r.units, r.scopes = t.files, t.units, scopes
	return all, t.errs
}

// holdsFor reports whether the scope, if there is one, was found good and is made of
// the same as the next one.
func (s *scope) holdsFor(next *scope) bool {
	return s != nil && s.checked && len(s.found) == 0 && s.top == next.top && s.complete == next.complete && slices.Equal(s.units, next.units)
}

// taking is one reading on its way to units.
type taking struct {
	*reader
	layout *layout
	errs   Errors
	files  map[string]content
	units  map[string]sourced
}

// unitsOf returns the units of a place, and whether they are all that it defines. It
// stops where enough was found wrong: what it has not come to is not remembered.
func (t *taking) unitsOf(p *place) (units []*unit, complete bool) {
	earlier := t.good.For(p.group)
	complete = !p.broken
	add := func(u *unit) {
		t.errs = append(t.errs, u.found...)
		units = append(units, u)
		complete = complete && u.complete
	}
	for _, f := range p.files {
		if t.errs.full() {
			return units, false
		}
		c := t.content(f)
		t.files[f.Path] = content{stamp: c.stamp, sum: c.sum}
		add(t.unit(f.Path, c.sum, func() *unit { return newFileUnit(t.layout.at(f), c.data, earlier) }))
	}
	for _, s := range p.secrets {
		if t.errs.full() {
			return units, false
		}
		if s.broken {
			continue
		}
		contents, sum := t.secret(s)
		dir := filepath.Join(t.layout.dir, filepath.FromSlash(s.path))
		add(t.unit(s.path, sum, func() *unit { return newSecretUnit(dir, s.name, contents, earlier) }))
	}
	return units, complete
}

// unit returns the unit of a path, made anew if the content is not what it was.
func (t *taking) unit(path string, sum [sha256.Size]byte, read func() *unit) *unit {
	known, ok := t.reader.units[path]
	if !ok || known.sum != sum {
		known = sourced{sum: sum, unit: read()}
	}
	t.units[path] = known
	return known.unit
}

// content returns what a file holds: what was read now, or what is remembered of a
// file that was not read for that reason.
func (t *taking) content(f files.Entry) content {
	if f.Data == nil {
		return t.reader.files[f.Path]
	}
	return content{stamp: f.Stamp, sum: sha256.Sum256(f.Data), data: f.Data}
}

// secret returns what the files of a secret hold, by name, and the hash of it all.
func (t *taking) secret(s *secretFolder) (map[string][]byte, [sha256.Size]byte) {
	contents := make(map[string][]byte, len(s.parts))
	var sums []byte
	for _, name := range []string{certificateFile, keyFile, authorityFile} {
		f, ok := s.parts[name]
		if !ok {
			continue
		}
		c := t.content(f)
		t.files[f.Path] = c
		contents[name] = c.data
		sums = append(append(sums, name...), c.sum[:]...)
	}
	return contents, sha256.Sum256(sums)
}
