package resources

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// parseJSON reads a file of one JSON value. Numbers keep their digits, so that a
// 64-bit integer is not rounded. An empty file gives nil and no error.
func parseJSON(data []byte, b *budget) (*node, *problem) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1, budget: b}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, problemf(r.here(), "is not valid JSON: something follows the first value")
	}
	return n, nil
}

// jsonReader builds nodes from tokens, and counts lines on the way.
type jsonReader struct {
	data    []byte
	dec     *json.Decoder
	line    int
	counted int64
	budget  *budget
}

// here returns the line that the reading has come to. No JSON token spans lines.
func (r *jsonReader) here() int {
	now := r.dec.InputOffset()
	r.line += bytes.Count(r.data[r.counted:now], []byte{'\n'})
	r.counted = now
	return r.line
}

func (r *jsonReader) value(depth int) (*node, *problem) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	line := r.here()
	if depth > maxDepth {
		return nil, problemf(line, "nests more than %d levels deep", maxDepth)
	}
	if err := r.budget.node(line); err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return r.array(line, depth)
		}
		return r.object(line, depth)
	case string:
		return &node{shape: text, line: line, value: t}, nil
	case json.Number:
		return &node{shape: number, line: line, value: t.String()}, nil
	case bool:
		n := &node{shape: boolean, line: line, value: "false"}
		if t {
			n.value = "true"
		}
		return n, nil
	default:
		return &node{shape: null, line: line}, nil
	}
}

func (r *jsonReader) array(line, depth int) (*node, *problem) {
	n := &node{shape: array, line: line}
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, err := r.token()
	return n, err
}

func (r *jsonReader) object(line, depth int) (*node, *problem) {
	n := &node{shape: object, line: line}
	for r.dec.More() {
		key, err := r.token()
		if err != nil {
			return nil, err
		}
		m := member{line: r.here()}
		m.key, _ = key.(string) // the decoder lets nothing else stand there
		if m.value, err = r.value(depth + 1); err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	if _, err := r.token(); err != nil {
		return nil, err
	}
	if line, found := repeated(n.members); found {
		return nil, problemf(line, "repeats a key of the same object")
	}
	return n, nil
}

// token returns the next token, or says in our own words why there is none: the
// decoder's message quotes the character that it stumbled over.
func (r *jsonReader) token() (json.Token, *problem) {
	before := r.dec.InputOffset()
	token, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, problemf(lineAt(r.data, int64(len(r.data))), "is not valid JSON: ends before its last bracket is closed")
	case err != nil:
		var syntax *json.SyntaxError
		at := r.dec.InputOffset()
		if errors.As(err, &syntax) {
			at = max(at, syntax.Offset)
		}
		return nil, problemf(lineAt(r.data, at), "is not valid JSON: look at the commas, quotes and brackets at this line")
	}
	if s, ok := token.(string); ok && brokenSurrogate(s, r.data[before:r.dec.InputOffset()]) {
		return nil, problemf(r.here(), "is not valid JSON: has half of a surrogate pair in a text")
	}
	return token, nil
}

// brokenSurrogate reports whether the decoder replaced an escape that stands for
// no character, which would change a text in silence.
func brokenSurrogate(decoded string, raw []byte) bool {
	const replacement = "\ufffd"
	found := strings.Count(decoded, replacement)
	if found == 0 {
		return false
	}
	written := bytes.Count(raw, []byte(replacement)) + strings.Count(strings.ToLower(string(raw)), `\ufffd`)
	return found > written
}

func lineAt(data []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte{'\n'})
}
