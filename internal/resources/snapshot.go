package resources

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"
)

// versionBytes is how much of a SHA-256 a version holds: 128 bits, written as 32
// hexadecimal digits, leave no chance of two contents with one version.
const versionBytes = 16

// Resource is one resource, ready to be served. It is not to be changed.
type Resource struct {
	// Name is the name by which an Envoy asks for it.
	Name string
	// Message is what was read.
	Message proto.Message
	// Body is Message encoded deterministically, messages inside of an Any included.
	Body []byte
	// Version is a hash of Body.
	Version string
	// Secrets and Extensions are the names of those that it has an Envoy ask this server
	// for.
	Secrets, Extensions []string
}

// String returns the name and version only, since the rest may be a private key.
func (r Resource) String() string { return quoteName(r.Name) + "@" + r.Version }

// LogValue does as [Resource.String], for a logger that would go through the
// fields.
func (r Resource) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Snapshot is everything that an Envoy gets at one moment, validated whole. It is
// immutable, and so safe for concurrent use. Envoys that get the same may share it,
// and snapshots of different groups and moments share what is the same in them.
type Snapshot struct {
	byURL map[string]*resourceSet
}

// resourceSet is the resources of one type.
type resourceSet struct {
	version   string
	resources []*Resource
}

// Version returns the version of all resources of a type: a hash of their names
// and versions, the same for the same content in every process and however it is
// spread over files. It is "" for a type that is not served.
func (s *Snapshot) Version(typeURL string) string {
	if set, ok := s.byURL[typeURL]; ok {
		return set.version
	}
	return ""
}

// Resources returns the resources of a type, sorted by name. The slice and what it
// points to are shared and not to be changed. A resource that is the same in two states
// of one [Folder], or at the top and in a group, is the same one.
func (s *Snapshot) Resources(typeURL string) []*Resource {
	if set, ok := s.byURL[typeURL]; ok {
		return set.resources
	}
	return nil
}

// set returns the resources of a served type, or nil of no snapshot.
func (s *Snapshot) set(typeURL string) *resourceSet {
	if s == nil {
		return nil
	}
	return s.byURL[typeURL]
}

// find returns the resource of that name, or nil.
func (s *Snapshot) find(typeURL, name string) *Resource {
	set := s.set(typeURL)
	if set == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(set.resources, name, func(r *Resource, name string) int { return cmp.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return set.resources[i]
}

// sameAs reports whether both hold the same content. No snapshot is the same as none.
func (s *Snapshot) sameAs(other *Snapshot) bool {
	if s == other {
		return true
	}
	if s == nil || other == nil {
		return false
	}
	for _, k := range served {
		if s.Version(k.URL) != other.Version(k.URL) {
			return false
		}
	}
	return true
}

// newSet takes resources that are sorted by name, and gives them their version. It
// returns the set of before where that holds the same: hashing is for what is new.
func newSet(resources []*Resource, before *resourceSet) *resourceSet {
	if before != nil && slices.EqualFunc(resources, before.resources, func(a, b *Resource) bool {
		return a == b || a.Name == b.Name && a.Version == b.Version
	}) {
		return before
	}
	h := sha256.New()
	var part []byte
	for _, r := range resources {
		part = appendPart(part[:0], r.Name)
		part = appendPart(part, r.Version)
		h.Write(part)
	}
	return &resourceSet{version: version(h), resources: resources}
}

// bodyVersion is the version of a resource.
func bodyVersion(body []byte) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(body))))
	h.Write(body)
	return version(h)
}

// appendPart appends a text behind its length: no two lists of texts run together into
// the same bytes.
func appendPart(b []byte, text string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(text)))
	return append(b, text...)
}

func version(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:versionBytes]) }
