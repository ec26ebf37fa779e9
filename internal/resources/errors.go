package resources

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrinted is how many findings [Errors.Error] prints: the first ones lead to
// the rest, and a log line must end somewhere.
const maxPrinted = 20

// maxFound bounds the findings of a folder, and of each step on the way: one that is
// all wrong needs no word for each value.
const maxFound = 1000

// Finding is one reason for which a folder is refused. None of its fields holds a
// value of the configuration, and names are held back where they could be key
// material, so that a Finding may be logged and shown to anybody.
type Finding struct {
	// File is the path of the file, as the folder was named.
	File string
	// Line begins at 1; 0 means that no line can be told.
	Line int
	// Type is the label of the resource's type, or "" outside of a resource.
	Type string
	// Resource is the resource's name, quoted, or words in its place; "" outside of
	// a resource.
	Resource string
	// Field is the path of the field within the resource, such as
	// "filter_chains[0].filters[0].typed_config"; "" for the resource as a whole.
	Field string
	// Problem says what is wrong, and how to put it right.
	Problem string
}

// String returns the finding on one line, in the form that compilers made common.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(printable(f.File))
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Type != "" {
		b.WriteString(": " + f.Type)
		if f.Resource != "" {
			b.WriteString(" " + f.Resource)
		}
	}
	if f.Field != "" {
		b.WriteString(": " + f.Field)
	}
	b.WriteString(": " + f.Problem)
	return b.String()
}

// Errors is what is wrong with a folder, sorted by file and line: everything, or
// where that is very much, enough of it to see that. It
// is the error that [Read] and [Open] return when files could be read but not
// served; reach it with [errors.As].
type Errors []Finding

// Error returns one finding a line, the first ones of many.
func (e Errors) Error() string {
	lines := make([]string, 0, maxPrinted+1)
	for _, f := range e[:min(len(e), maxPrinted)] {
		lines = append(lines, f.String())
	}
	if rest := len(e) - maxPrinted; rest > 0 {
		more := "and %d more"
		if e.full() {
			more = "and at least %d more"
		}
		lines = append(lines, fmt.Sprintf(more, rest))
	}
	return strings.Join(lines, "\n")
}

// full reports whether enough was found for the search to stop.
func (e Errors) full() bool { return len(e) >= maxFound }

// orNil returns the findings in order, without repetitions, or nil for none: an
// empty Errors in an error variable would not be nil.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Problem, b.Problem))
	})
	e = slices.Compact(e)
	return e[:min(len(e), maxFound)]
}

// printable returns the path as it is, or quoted where it could break a line or a
// terminal.
func printable(path string) string {
	if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}
