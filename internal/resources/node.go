package resources

import "fmt"

// shape is what a node is, in JSON's terms.
type shape int

const (
	null shape = iota
	boolean
	number
	text
	array
	object
)

// maxDepth bounds how deep a file may nest, for the sake of the stack: what is read
// here is gone through by functions that call themselves. How deep messages may nest
// is another matter, see maxNesting: 100 messages take at most 201 nodes, a list
// between each two of them.
const maxDepth = 256

// node is a part of a file, read from YAML or JSON alike, which still knows the
// line where it stands.
type node struct {
	shape shape
	line  int
	// value is the literal of a boolean or number, or a text's content.
	value string
	// plain marks a YAML scalar without quotes, whose kind was told by its looks.
	plain   bool
	items   []*node
	members []member
}

// member is one entry of an object.
type member struct {
	key   string
	line  int
	value *node
}

// get returns an object's member by either of a field's names, or nil.
func (n *node) get(names ...string) *node {
	for _, name := range names {
		for _, m := range n.members {
			if m.key == name {
				return m.value
			}
		}
	}
	return nil
}

// repeated returns the line of the first key that stood in the object before.
func repeated(members []member) (line int, found bool) {
	seen := make(map[string]struct{}, len(members))
	for _, m := range members {
		if _, ok := seen[m.key]; ok {
			return m.line, true
		}
		seen[m.key] = struct{}{}
	}
	return 0, false
}

// appendJSON appends the node as JSON, for protojson to read.
func (n *node) appendJSON(b []byte) []byte {
	switch n.shape {
	case boolean, number:
		return append(b, n.value...)
	case text:
		return appendString(b, n.value)
	case array:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.key), ':')
			b = m.value.appendJSON(b)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// appendString appends s as a JSON string. The files were found to be UTF-8, so
// that only what JSON reserves needs an escape.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// problem is what is wrong with a file before any of its resources is known, in
// this package's own words.
type problem struct {
	line int
	text string
}

func problemf(line int, format string, args ...any) *problem {
	return &problem{line: line, text: fmt.Sprintf(format, args...)}
}
