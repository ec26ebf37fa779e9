package resources

import (
	slashpath "path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/contour-xds/contour/internal/files"
)

// The folders in a folder of resources that mean something.
const (
	// groupsFolder stands at the top, and holds a folder for each group of Envoys.
	groupsFolder = "groups"
	// secretsFolder stands at the top and in a group's folder, and holds a folder for
	// each secret.
	secretsFolder = "secrets"
)

// maxGroupBytes bounds a group's name: a longer one could not be told in an error.
const maxGroupBytes = maxNameBytes

// locate splits a path below the folder into the group in whose folder it is, "" for
// the top, and the rest of it, "" for that folder itself.
func locate(at string) (group, rest string) {
	inGroups, ok := strings.CutPrefix(at, groupsFolder+"/")
	if !ok {
		return "", at
	}
	group, rest, _ = strings.Cut(inGroups, "/")
	return group, rest
}

// entered reports whether a sub-folder is gone into.
func entered(at string) bool {
	group, rest := locate(at)
	parent, _ := slashpath.Split(rest)
	return rest == "" || rest == secretsFolder || parent == secretsFolder+"/" || group == "" && rest == groupsFolder
}

// isRead reports whether the file at that path is read if it is there.
func isRead(at string) bool {
	_, rest := locate(at)
	parent, name := slashpath.Split(rest)
	if parent == "" {
		return isResourceFile(name)
	}
	return isSecretFile(name)
}

// layout is what a folder holds, sorted out.
type layout struct {
	dir string
	// places are the top and then the groups, by name.
	places []*place
	found  Errors
}

// place is the top of the folder, or the folder of a group.
type place struct {
	// group is "" for the top.
	group   string
	files   []files.Entry
	secrets []*secretFolder
	// broken says that a part can't be read, so that nobody knows what it defines.
	broken bool
}

// secretFolder is a folder of one secret. Its parts are by the names of the files.
type secretFolder struct {
	name, path string
	parts      map[string]files.Entry
	broken     bool
}

// sortOut takes the entries of a tree, of which a folder comes before what is in it.
func sortOut(dir string, entries []files.Entry) *layout {
	l := &layout{dir: dir, places: []*place{{}}}
	for _, e := range entries {
		l.add(e)
	}
	return l
}

// empty reports whether there is nothing to be read, nor anything wrong.
func (l *layout) empty() bool {
	for _, p := range l.places {
		if len(p.files)+len(p.secrets) > 0 {
			return false
		}
	}
	return len(l.found) == 0
}

// at is the entry's path as the folder was named.
func (l *layout) at(e files.Entry) string { return filepath.Join(l.dir, filepath.FromSlash(e.Path)) }

func (l *layout) fail(e files.Entry, problem string) {
	l.found = append(l.found, Finding{File: l.at(e), Problem: problem})
}

// add puts an entry into its place. That of a group is the last one, since the
// entries come folder by folder, or none where the group's name is refused.
func (l *layout) add(e files.Entry) {
	group, rest := locate(e.Path)
	if rest == "" {
		l.group(e, group)
		return
	}
	p := l.places[0]
	if group != "" {
		if p = l.places[len(l.places)-1]; p.group != group {
			return
		}
	}
	switch parent, name := slashpath.Split(rest); {
	case rest == secretsFolder || rest == groupsFolder && group == "":
		l.mustBeFolder(p, e, "is a file, but its name is kept for a folder: rename it")
	case parent == "":
		l.file(p, e)
	case parent == secretsFolder+"/":
		l.secret(p, e, name)
	default:
		l.part(p, e, name)
	}
}

// mustBeFolder reports whether an entry is a folder that can be listed, and says so
// where it is not.
func (l *layout) mustBeFolder(p *place, e files.Entry, otherwise string) bool {
	switch {
	case e.Err != nil:
		l.unreadable(e)
		p.broken = true
	case !e.Folder:
		l.fail(e, otherwise)
	default:
		return true
	}
	return false
}

func (l *layout) unreadable(e files.Entry) { l.fail(e, "can't be read: "+files.Reason(e.Err)) }

func (l *layout) group(e files.Entry, name string) {
	p := &place{group: name}
	if !l.mustBeFolder(p, e, `stands in no group: put it into a folder here that is called as the node.cluster of its Envoys, or into the folder above for all`) {
		return
	}
	switch {
	case !utf8.ValidString(name):
		l.fail(e, "is called by a name that is not UTF-8 text, which no Envoy's node.cluster can be: rename the folder")
	case len(name) > maxGroupBytes:
		l.fail(e, "is called by a name that is too long for a group: rename the folder, and set node.cluster to the new name")
	default:
		l.places = append(l.places, p)
	}
}

// file takes an entry directly in the place's folder. What is no file of resources is
// passed over, but a folder that holds some.
func (l *layout) file(p *place, e files.Entry) {
	switch name := slashpath.Base(e.Path); {
	case e.Folder:
		if holdsResourceFiles(l.at(e)) {
			l.fail(e, "is a folder with resource files, which is not entered: put the files into the folder above")
		}
	case !isResourceFile(name):
	case e.Err != nil:
		l.unreadable(e)
		p.broken = true
	default:
		p.files = append(p.files, e)
	}
}

func (l *layout) secret(p *place, e files.Entry, name string) {
	if !l.mustBeFolder(p, e, "stands in no folder of a secret: put "+pairOrBundle+", into a folder here that is called as the secret, or a file of resources into the folder above") {
		return
	}
	if !utf8.ValidString(name) {
		l.fail(e, "is called by a name that is not UTF-8 text, which no secret's name can be: rename the folder")
		return
	}
	p.secrets = append(p.secrets, &secretFolder{name: name, path: e.Path, parts: map[string]files.Entry{}})
}

// part takes an entry in a folder of a secret. A Secret of Kubernetes may hold more
// than is of use here, such as key stores, which is passed over.
func (l *layout) part(p *place, e files.Entry, name string) {
	if len(p.secrets) == 0 {
		return // of a secret whose name is refused
	}
	s := p.secrets[len(p.secrets)-1]
	switch {
	case s.path != slashpath.Dir(e.Path):
	case isSecretFile(name):
		if e.Folder {
			e.Err = files.ErrNotRegular
		}
		if e.Err != nil {
			l.unreadable(e)
			s.broken, p.broken = true, true
			return
		}
		s.parts[name] = e
	case isResourceFile(name) && !e.Folder, e.Folder && holdsResourceFiles(l.at(e)):
		l.fail(e, "is not read in a folder of a secret, which holds "+pairOrBundle+": put files of resources beside the folder "+secretsFolder)
	}
}
