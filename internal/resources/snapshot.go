package resources

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
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
}

// String returns the name and version only, since the rest may be a private key.
func (r Resource) String() string { return quoteName(r.Name) + "@" + r.Version }

// LogValue does as [Resource.String], for a logger that would go through the
// fields.
func (r Resource) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Snapshot is everything that one folder held at one moment, validated whole. It
// is immutable, and so safe for concurrent use.
type Snapshot struct {
	byURL map[string]*resourceSet
}

// resourceSet is the resources of one type.
type resourceSet struct {
	version   string
	resources []Resource
}

// Version returns the version of all resources of a type: a hash of their names
// and bodies, the same for the same content in every process and however it is
// spread over files. It is "" for a type that is not served.
func (s *Snapshot) Version(typeURL string) string {
	if set, ok := s.byURL[typeURL]; ok {
		return set.version
	}
	return ""
}

// Resources returns the resources of a type, sorted by name. The slice and what it
// holds are shared and not to be changed.
func (s *Snapshot) Resources(typeURL string) []Resource {
	if set, ok := s.byURL[typeURL]; ok {
		return set.resources
	}
	return nil
}

// sameAs reports whether both hold the same content.
func (s *Snapshot) sameAs(other *Snapshot) bool {
	for _, k := range served {
		if s.Version(k.URL) != other.Version(k.URL) {
			return false
		}
	}
	return true
}

// newSnapshot encodes the resources, whose names are known to be unique.
func newSnapshot(all []*resource) (*Snapshot, error) {
	s := &Snapshot{byURL: make(map[string]*resourceSet, len(served))}
	for _, k := range served {
		s.byURL[k.URL] = &resourceSet{}
	}
	encode := proto.MarshalOptions{Deterministic: true}
	for _, r := range all {
		body, err := encode.Marshal(r.message)
		if err != nil {
			// The error could quote the text that is not UTF-8, say.
			return nil, fmt.Errorf("encoding %s %s of %q failed", r.kind.Label, quoteName(r.name), r.file)
		}
		set := s.byURL[r.kind.URL]
		set.resources = append(set.resources, Resource{
			Name: r.name, Message: r.message, Body: body, Version: version(body),
		})
	}
	for _, set := range s.byURL {
		set.seal()
	}
	return s, nil
}

// seal sorts the resources and gives them their version.
func (set *resourceSet) seal() {
	slices.SortFunc(set.resources, func(a, b Resource) int { return cmp.Compare(a.Name, b.Name) })
	parts := make([][]byte, 0, 2*len(set.resources))
	for _, r := range set.resources {
		parts = append(parts, []byte(r.Name), r.Body)
	}
	set.version = version(parts...)
}

// version hashes the parts, each behind its length, so that no two lists of parts
// run together into the same bytes.
func version(parts ...[]byte) string {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:versionBytes])
}
