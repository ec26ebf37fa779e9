package resources

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// parseYAML reads a file of one YAML document as Envoy reads it. An empty file
// gives nil and no error.
func parseYAML(data []byte, b *budget) (n *node, err *problem) {
	// The YAML library panics where it finds its own state impossible. A file must
	// not be able to end a server that others depend on.
	defer func() {
		if recover() != nil {
			n, err = nil, problemf(0, "is not YAML that can be read")
		}
	}()
	if err := b.lookAhead(data); err != nil {
		return nil, err
	}
	document, err := loadYAML(data)
	if document == nil || err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	c := yamlConverter{open: map[*yaml.Node]bool{}, budget: b}
	return c.convert(document.Content[0], 0)
}

// loadYAML returns the only document, or nil for none. Envoy reads the first one and
// passes over the rest in silence; here a second one is refused unless it is empty,
// as after a "---" at the end.
func loadYAML(data []byte) (*yaml.Node, *problem) {
	loader, err := yaml.NewLoader(bytes.NewReader(withKnownVersion(data)))
	if err != nil {
		return nil, yamlError(err, data)
	}
	var first *yaml.Node
	for {
		document := &yaml.Node{}
		switch err := loader.Load(document); {
		case errors.Is(err, io.EOF):
			return first, nil
		case err != nil:
			return nil, yamlError(err, data)
		case first == nil:
			first = document
		case !emptyDocument(document):
			return nil, problemf(document.Line, "begins a second YAML document, which Envoy would not read: one file holds one document")
		}
	}
}

func emptyDocument(document *yaml.Node) bool {
	if len(document.Content) == 0 {
		return true
	}
	content := document.Content[0]
	return content.Kind == yaml.ScalarNode && content.Value == "" && content.Style&quoted == 0
}

// withKnownVersion returns the data with a directive that the library takes: it
// knows YAML 1.1 only, whereas Envoy takes each 1.x, and reads all of them alike.
func withKnownVersion(data []byte) []byte {
	at := yamlVersion.FindSubmatchIndex(data)
	if at == nil {
		return data
	}
	known := bytes.Clone(data)
	known[at[2]] = '1'
	return known
}

// yamlVersion finds the minor version among what may stand before a document.
var yamlVersion = regexp.MustCompile(`\A(?:(?:[ \t]*(?:#[^\n]*)?|%[^\n]*)\n)*%YAML[ \t]+1\.([0-9])[ \t\r\n#]`)

// yamlConverter turns the library's nodes into ours.
type yamlConverter struct {
	// open holds the aliased nodes that are being converted, to see one in itself.
	open   map[*yaml.Node]bool
	budget *budget
}

// pay charges a node to the budget.
func (c *yamlConverter) pay(y *yaml.Node) *problem {
	if len(c.open) > 0 {
		if err := c.budget.repeat(y.Line, len(y.Value)); err != nil {
			return err
		}
	}
	return c.budget.node(y.Line)
}

// payKey charges the text of a key, which is no node of its own.
func (c *yamlConverter) payKey(key *yaml.Node) *problem {
	switch {
	case key.Kind == yaml.AliasNode:
		return c.budget.repeat(key.Line, len(key.Alias.Value))
	case len(c.open) > 0:
		return c.budget.repeat(key.Line, len(key.Value))
	}
	return nil
}

func (c *yamlConverter) convert(y *yaml.Node, depth int) (*node, *problem) {
	if depth > maxDepth {
		return nil, problemf(y.Line, "nests more than %d levels deep", maxDepth)
	}
	if err := c.pay(y); err != nil {
		return nil, err
	}
	switch y.Kind {
	case yaml.AliasNode:
		return c.alias(y, depth)
	case yaml.SequenceNode:
		return c.sequence(y, depth)
	case yaml.MappingNode:
		return c.mapping(y, depth)
	default:
		return scalar(y), nil
	}
}

func (c *yamlConverter) alias(y *yaml.Node, depth int) (*node, *problem) {
	if c.open[y.Alias] {
		return nil, problemf(y.Line, "has an alias inside of what it stands for")
	}
	c.open[y.Alias] = true
	defer delete(c.open, y.Alias)
	return c.convert(y.Alias, depth+1)
}

func (c *yamlConverter) sequence(y *yaml.Node, depth int) (*node, *problem) {
	n := &node{shape: array, line: y.Line, items: make([]*node, 0, len(y.Content))}
	for _, child := range y.Content {
		item, err := c.convert(child, depth+1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	return n, nil
}

func (c *yamlConverter) mapping(y *yaml.Node, depth int) (*node, *problem) {
	n := &node{shape: object, line: y.Line, members: make([]member, 0, len(y.Content)/2)}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Tag == "!ignore" {
			continue // Envoy's own mark for what only holds anchors
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if err := c.payKey(y.Content[i]); err != nil {
			return nil, err
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, problemf(y.Content[i].Line, "has a list or a mapping as a key")
		case key.Tag == "!!merge":
			return nil, problemf(key.Line, `has a merge key ("<<"), which Envoy does not read: write the fields out`)
		}
		value, err := c.convert(y.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{key: key.Value, line: y.Content[i].Line, value: value})
	}
	if line, found := repeated(n.members); found {
		return nil, problemf(line, "repeats a key of the same mapping")
	}
	return n, nil
}
