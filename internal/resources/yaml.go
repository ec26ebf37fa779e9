package resources

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxAliased bounds the nodes that aliases may repeat in one file, so that a few
// lines of aliases of aliases can't fill the memory.
const maxAliased = 1 << 20

// parseYAML reads a file of one YAML document as Envoy reads it. An empty file
// gives nil and no error.
func parseYAML(data []byte) (n *node, err *problem) {
	// The YAML library panics where it finds its own state impossible. A file must
	// not be able to end a server that others depend on.
	defer func() {
		if recover() != nil {
			n, err = nil, problemf(0, "is not YAML that can be read")
		}
	}()
	loader, loadErr := yaml.NewLoader(bytes.NewReader(data))
	if loadErr != nil {
		return nil, yamlError(loadErr, data)
	}
	var document, next yaml.Node
	switch loadErr := loader.Load(&document); {
	case errors.Is(loadErr, io.EOF):
		return nil, nil
	case loadErr != nil:
		return nil, yamlError(loadErr, data)
	}
	switch loadErr := loader.Load(&next); {
	case errors.Is(loadErr, io.EOF):
	case loadErr != nil:
		return nil, yamlError(loadErr, data)
	default:
		return nil, problemf(next.Line, "begins a second YAML document, which Envoy would not read: one file holds one document")
	}
	c := yamlConverter{open: map[*yaml.Node]bool{}}
	return c.convert(&document, 0)
}

// yamlConverter turns the library's nodes into ours.
type yamlConverter struct {
	// open holds the aliased nodes that are being converted, to see one in itself.
	open    map[*yaml.Node]bool
	aliased int
}

func (c *yamlConverter) convert(y *yaml.Node, depth int) (*node, *problem) {
	if depth > maxDepth {
		return nil, problemf(y.Line, "nests more than %d levels deep", maxDepth)
	}
	if len(c.open) > 0 {
		if c.aliased++; c.aliased > maxAliased {
			return nil, problemf(y.Line, "repeats too much by aliases: more than %d nodes in one file", maxAliased)
		}
	}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 0 {
			return nil, nil
		}
		return c.convert(y.Content[0], depth)
	case yaml.AliasNode:
		return c.alias(y, depth)
	case yaml.SequenceNode:
		return c.sequence(y, depth)
	case yaml.MappingNode:
		return c.mapping(y, depth)
	default:
		return scalar(y)
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

// scalar tells what a scalar is by the rules of Envoy 1.40 (parseYamlNode in its
// yaml_utility.cc), which differ from YAML 1.2: y, yes and on are booleans, an
// integer may be octal or hexadecimal, and what is no 32-bit integer is a text,
// which a field of another kind then reads as its own: floating-point numbers,
// dates, large integers.
func scalar(y *yaml.Node) (*node, *problem) {
	n := &node{shape: text, line: y.Line, value: y.Value}
	switch y.Tag {
	case "!!str", "!":
		if y.Style&(quoted|yaml.TaggedStyle) != 0 || y.Tag == "!" {
			return n, nil
		}
	case "!!null", "!!bool", "!!int", "!!float", "!!timestamp", "!!merge":
	default:
		return nil, problemf(y.Line, "has a YAML tag that Envoy does not read")
	}
	n.plain = true
	n.shape, n.value = plainScalar(y.Value)
	return n, nil
}

// plainScalar returns what a scalar without quotes is, as JSON has it.
func plainScalar(s string) (shape, string) {
	if yamlNull(s) {
		return null, ""
	}
	if b, ok := yamlBool(s); ok {
		return boolean, strconv.FormatBool(b)
	}
	i, ok := yamlInteger(s)
	switch {
	case !ok:
		return text, s
	case i == int64(int32(i)):
		return number, strconv.FormatInt(i, 10)
	default:
		return text, strconv.FormatInt(i, 10)
	}
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

func yamlNull(s string) bool {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// yamlInteger reads a decimal, a hexadecimal (0x1f) or an octal number (017), and
// nothing of what Go alone writes: 0b1, 0o17, 1_000.
func yamlInteger(s string) (int64, bool) {
	digits := strings.ToLower(strings.TrimLeft(s, "+-"))
	if strings.HasPrefix(digits, "0b") || strings.HasPrefix(digits, "0o") || strings.Contains(digits, "_") {
		return 0, false
	}
	i, err := strconv.ParseInt(s, 0, 64)
	return i, err == nil
}

// yamlBool reads YAML 1.1's booleans in lower case, upper case and capitalized.
func yamlBool(s string) (value, ok bool) {
	if lower := strings.ToLower(s); s != lower && s != strings.ToUpper(s) && s != strings.ToUpper(s[:1])+lower[1:] {
		return false, false
	}
	switch strings.ToLower(s) {
	case "y", "yes", "true", "on":
		return true, true
	case "n", "no", "false", "off":
		return false, true
	}
	return false, false
}
