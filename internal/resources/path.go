package resources

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// step leads from a message to what one of its fields holds, or from an Any to
// the message in it, which takes no words: its fields stand beside its @type.
type step struct {
	field protoreflect.FieldDescriptor
	// index is the place in a list, -1 for a field that is none.
	index int
	// key is the key in a map, which may be anything that a person wrote.
	key   string
	isKey bool
}

func field(fd protoreflect.FieldDescriptor) step { return step{field: fd, index: -1} }

// path leads from a resource to a part of it.
type path []step

// with returns the path one step longer, sharing nothing that a later call writes.
func (p path) with(s step) path { return append(p[:len(p):len(p)], s) }

// String returns the path as people write it, in the names of the proto files.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(s.field.Name()))
		switch {
		case s.isKey && showableKey(s.key):
			b.WriteString("[" + strconv.Quote(s.key) + "]")
		case s.isKey:
			b.WriteString("[…]")
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// line returns the line of what the path leads to, or of the deepest node on the
// way that the file has.
func (p path) line(n *node) int { return p.deepest(n).line }

// deepest returns the node that the path leads to, or the last one on the way.
func (p path) deepest(n *node) *node {
	for _, s := range p {
		next := s.from(n)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// from returns the node that the step leads to, or nil.
func (s step) from(n *node) *node {
	at := n.get(string(s.field.Name()), s.field.JSONName())
	switch {
	case at == nil:
		return nil
	case s.isKey:
		return at.get(s.key)
	case s.index >= 0 && s.index < len(at.items):
		return at.items[s.index]
	}
	return at
}
