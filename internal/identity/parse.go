package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// The bounds of a policy: ten times of what a fleet of 1,000 identities in 100 groups
// writes, and more. Aliases count each time they are used.
const (
	MaxPolicyBytes = 1 << 20
	maxRules       = 10_000
	maxTexts       = 100_000
	// maxFound is how many mistakes are told at once.
	maxFound = 10
)

// ParsePolicy reads an access policy, as docs/reference/access-policy.md describes it.
// It is checked whole. The error has a line for each mistake, up to ten, that names the
// line, the rule, the field and what to do.
func ParsePolicy(data []byte) (*Policy, error) {
	statements, err := parse(data)
	if err != nil {
		return nil, err
	}
	p := &Policy{rules: make([]rule, len(statements)), index: newIndex()}
	for i, s := range statements {
		p.rules[i] = s.rule()
		for _, pattern := range s.identities {
			p.index.add(pattern, i)
		}
	}
	return p, nil
}

// parse returns the rules as they are written, found valid.
func parse(data []byte) ([]statement, error) {
	root, err := load(data)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	statements := r.statements(root)
	if len(r.found) > 0 {
		return nil, errors.Join(r.found...)
	}
	return statements, nil
}

// load returns what the only document holds.
func load(data []byte) (root *yaml.Node, err error) {
	// The YAML library panics where it finds its own state impossible. A file must not be
	// able to end a server that others depend on.
	defer func() {
		if recover() != nil {
			root, err = nil, errors.New("reading YAML: it can't be read; look for what is unusual in it")
		}
	}()
	if len(data) > MaxPolicyBytes {
		return nil, fmt.Errorf("reading YAML: it has more than %d bytes; use patterns and groups in place of single identities", MaxPolicyBytes)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, syntax(err)
	}
	for {
		document := &yaml.Node{}
		switch err := loader.Load(document); {
		case errors.Is(err, io.EOF):
			return root, missing(root)
		case err != nil:
			return nil, syntax(err)
		case len(document.Content) == 0:
		case root == nil:
			root = document.Content[0]
		case !empty(document.Content[0]):
			return nil, fmt.Errorf("line %d: a second YAML document begins; put all rules into one", document.Line)
		}
	}
}

// missing is the error of a file without content, which allows nobody anything. It is
// what is left of one that is just being written, and so no policy.
func missing(root *yaml.Node) error {
	if root == nil || empty(root) {
		return errors.New("it holds no rule, by which nobody could join; write at least one")
	}
	return nil
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&quoted == 0
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// syntax passes on what the library says, since a policy holds no secret.
func syntax(err error) error {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return errors.New("reading YAML: it can't be read; look at the indentation and the quotes")
	}
	return fmt.Errorf("line %d: not valid YAML: %s; look at the indentation and the quotes around this line", e.Mark.Line, shorten(e.Message))
}
