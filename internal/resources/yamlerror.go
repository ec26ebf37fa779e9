package resources

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scannerWords are the library's messages that are passed on: each is a fixed
// text, compared whole. All others may quote what they read, such as the name of
// an anchor, and stay unsaid.
var scannerWords = map[string]string{
	"mapping values are not allowed in this context":               "has a ':' where no key can stand: look at the indentation, or put quotes around the text",
	"could not find expected ':'":                                  "has a line that is no key with a ':' behind it: look at the indentation of the lines around it",
	"did not find expected key":                                    "has something where a key should begin: look at the indentation",
	"did not find expected '-' indicator":                          "has something where a '-' of the list should be: look at the indentation",
	"did not find expected ',' or '}'":                             "lacks a ',' or '}'",
	"did not find expected ',' or ']'":                             "lacks a ',' or ']'",
	"block sequence entries are not allowed in this context":       "has a '-' where no list can begin",
	"mapping keys are not allowed in this context":                 "has a key where none can stand",
	"found character that cannot start any token":                  "has a character that no YAML value begins with: put quotes around the text",
	"found unexpected end of stream":                               "ends inside of a quoted text",
	"found unknown escape character":                               "has an unknown escape in a quoted text",
	"found a tab character that violates indentation":              "is indented by a tab: use spaces",
	"found a tab character where an indentation space is expected": "is indented by a tab: use spaces",
}

// yamlError says in our own words what the library found, with its line.
func yamlError(err error, data []byte) *problem {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return problemf(0, "is not YAML that can be read")
	}
	line := e.Mark.Line
	if at := bytes.IndexFunc(data, notYAML); at >= 0 { // the library tells another line, or none
		return problemf(lineAt(data, int64(at)), "is not valid YAML: holds characters that YAML does not allow")
	}
	if indentedByTab(data, line) {
		return problemf(line, "is not valid YAML: is indented by a tab: use spaces")
	}
	if words, ok := scannerWords[e.Message]; ok {
		return problemf(line, "is not valid YAML: %s", words)
	}
	switch e.Stage {
	case yaml.ComposerStage:
		return problemf(line, "is not valid YAML: uses an alias whose anchor is not defined before it")
	default:
		return problemf(line, "is not valid YAML: look at the indentation and the quotes at this line")
	}
}

// notYAML reports whether YAML allows a character nowhere, not even in a comment.
func notYAML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0xFFFE || r == 0xFFFF
}

func indentedByTab(data []byte, line int) bool {
	for i := 1; i < line; i++ {
		_, rest, ok := bytes.Cut(data, []byte{'\n'})
		if !ok {
			return false
		}
		data = rest
	}
	current, _, _ := strings.Cut(string(data[:min(len(data), 256)]), "\n")
	indent := current[:len(current)-len(strings.TrimLeft(current, " \t"))]
	return line > 0 && strings.Contains(indent, "\t")
}
