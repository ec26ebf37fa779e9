package identity

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader takes a policy's YAML apart, and collects what is wrong with it. The format is
// three levels deep, so that aliases can neither lead around in a circle nor multiply
// each other; what they repeat is counted.
type reader struct {
	// count is how many texts the rules have listed so far.
	count int
	found []error
}

// fail notes a mistake at the line of n. Its format begins with where it is.
func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if !r.full() {
		r.found = append(r.found, fmt.Errorf("line %d: "+format, append([]any{n.Line}, args...)...))
	}
}

func (r *reader) full() bool { return len(r.found) >= maxFound }

// behind returns what an alias stands for.
func behind(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mapping returns the fields of n by name, or nil when it is no mapping.
func (r *reader) mapping(n *yaml.Node, where string, known ...string) map[string]*yaml.Node {
	n = behind(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: it is no mapping; write fields, each as name: value", where)
		return nil
	}
	fields := make(map[string]*yaml.Node, len(known))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := behind(n.Content[i])
		switch {
		case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
			r.fail(n.Content[i], "%s: there is no field %q; the fields are %s", where, shorten(key.Value), strings.Join(known, ", "))
		case fields[key.Value] != nil:
			r.fail(n.Content[i], "%s: %s: the field stands there twice; take one out", where, key.Value)
		default:
			fields[key.Value] = n.Content[i+1]
		}
	}
	return fields
}

func (r *reader) sequence(n *yaml.Node, where string) []*yaml.Node {
	n = behind(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(n, `%s: it is no list; write each item in a line of its own, behind a "- "`, where)
		return nil
	}
	return n.Content
}

// text returns what a scalar says, to the letter: YAML's numbers and booleans are texts
// here. What says nothing is refused, since YAML takes it for null.
func (r *reader) text(n *yaml.Node, where string) (string, bool) {
	n = behind(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "%s: it is no text; write one, in quotes if need be", where)
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "%s: it has a YAML tag; write the text without one, in quotes if need be", where)
	case n.Style&quoted == 0 && isNull(n.Value):
		r.fail(n, `%s: it is null; write a text, in quotes if it is to be %q`, where, n.Value)
	default:
		return n.Value, true
	}
	return "", false
}

func isNull(plain string) bool {
	return slices.Contains([]string{"", "~", "null", "Null", "NULL"}, plain)
}

// texts reads a list of texts, and returns each as check has it. A list that is there
// must not be empty.
func (r *reader) texts(n *yaml.Node, where string, check func(string) (string, error)) []string {
	if n == nil {
		return nil
	}
	items := r.sequence(n, where)
	if r.count += len(items); r.count > maxTexts {
		r.fail(n, "%s: there are more than %d identities, groups and secrets; use patterns", where, maxTexts)
		return nil
	}
	if behind(n).Kind == yaml.SequenceNode && len(items) == 0 {
		r.fail(n, "%s: the list is empty; write what is to be in it, or take the field out", where)
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := r.text(item, where)
		if !ok {
			continue
		}
		checked, err := check(text)
		if err != nil {
			r.fail(item, "%s: %q %w", where, shorten(text), err)
		}
		texts = append(texts, checked)
	}
	return texts
}

// word reads a field of two values, of which the first is what it is without, and
// reports whether it is the second.
func (r *reader) word(n *yaml.Node, where, first, second string) bool {
	if n == nil {
		return false
	}
	v := behind(n)
	if v.Kind != yaml.ScalarNode || v.Value != first && v.Value != second {
		r.fail(n, "%s: it is %q; write %s or %s", where, shorten(v.Value), first, second)
	}
	return v.Value == second
}

// shorten bounds what an error repeats.
func shorten(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
