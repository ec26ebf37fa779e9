package resources

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

var anyDescriptor = (*anypb.Any)(nil).ProtoReflect().Descriptor()

// specialForms says how the messages are written that JSON has a form of its own
// for.
var specialForms = map[protoreflect.FullName]string{
	"google.protobuf.Duration":    `a duration such as "5s" or "0.25s", in seconds`,
	"google.protobuf.Timestamp":   `a time such as "2030-01-31T12:00:00Z"`,
	"google.protobuf.FieldMask":   `names of fields joined by commas, such as "fieldOne,fieldTwo"`,
	"google.protobuf.Struct":      "a mapping",
	"google.protobuf.ListValue":   "a list",
	"google.protobuf.Value":       "a value of any kind",
	"google.protobuf.Empty":       "an empty mapping: {}",
	"google.protobuf.BoolValue":   "true or false",
	"google.protobuf.StringValue": "a text",
	"google.protobuf.BytesValue":  "bytes in base64",
	"google.protobuf.Int32Value":  kindNames[protoreflect.Int32Kind],
	"google.protobuf.Int64Value":  kindNames[protoreflect.Int64Kind],
	"google.protobuf.UInt32Value": kindNames[protoreflect.Uint32Kind],
	"google.protobuf.UInt64Value": kindNames[protoreflect.Uint64Kind],
	"google.protobuf.FloatValue":  kindNames[protoreflect.FloatKind],
	"google.protobuf.DoubleValue": kindNames[protoreflect.DoubleKind],
}

var kindNames = map[protoreflect.Kind]string{
	protoreflect.BoolKind:     "true or false",
	protoreflect.StringKind:   "a text",
	protoreflect.BytesKind:    "bytes in base64",
	protoreflect.Int32Kind:    "an integer of 32 bits",
	protoreflect.Sint32Kind:   "an integer of 32 bits",
	protoreflect.Sfixed32Kind: "an integer of 32 bits",
	protoreflect.Int64Kind:    "an integer of 64 bits",
	protoreflect.Sint64Kind:   "an integer of 64 bits",
	protoreflect.Sfixed64Kind: "an integer of 64 bits",
	protoreflect.Uint32Kind:   "a whole number from 0 to 4294967295",
	protoreflect.Fixed32Kind:  "a whole number from 0 to 4294967295",
	protoreflect.Uint64Kind:   "a whole number from 0 to 18446744073709551615",
	protoreflect.Fixed64Kind:  "a whole number from 0 to 18446744073709551615",
	protoreflect.FloatKind:    "a number",
	protoreflect.DoubleKind:   "a number",
}

// maxEnumWords bounds the list of an enum's values in an error.
const maxEnumWords = 12

// kindWords says what a field of no message type expects.
func kindWords(fd protoreflect.FieldDescriptor) string {
	if fd.Kind() != protoreflect.EnumKind {
		return kindNames[fd.Kind()]
	}
	values := fd.Enum().Values()
	if values.Len() > maxEnumWords {
		return fmt.Sprintf("a value of %s", fd.Enum().FullName())
	}
	names := make([]string, 0, values.Len())
	for i := range values.Len() {
		names = append(names, string(values.Get(i).Name()))
	}
	return "one of " + strings.Join(names, ", ")
}

// remedy adds what helps when YAML took an unquoted text for something else.
func (n *node) remedy(want protoreflect.Kind) string {
	switch {
	case want != protoreflect.StringKind || !n.plain:
		return ""
	case n.shape == number:
		return ": put it in quotes, since YAML reads it as a number without"
	case n.shape == boolean:
		return ": put it in quotes, since YAML reads it as true or false without"
	}
	return ""
}

// wrappedKind returns the kind of the one value that a message such as StringValue
// holds, or 0.
func wrappedKind(md protoreflect.MessageDescriptor) protoreflect.Kind {
	if md.FullName() == "google.protobuf.StringValue" {
		return protoreflect.StringKind
	}
	return 0
}

// valueFits reports whether protojson takes the node for one value of the field,
// whose own list or map is left aside.
func valueFits(n *node, fd protoreflect.FieldDescriptor) bool {
	if n.shape == null {
		return false // protojson leaves a field out for it, but takes no such element
	}
	if fd.IsList() {
		n = &node{shape: array, items: []*node{n}}
	}
	return readable(&node{shape: object, members: []member{{key: string(fd.Name()), value: n}}}, fd.ContainingMessage())
}

// mapKeyFits reports whether a text fits the keys of a map. All keys are texts in
// JSON, and so may be the values of all kinds that a key can have but bool.
func mapKeyFits(key string, fd protoreflect.FieldDescriptor) bool {
	if fd.MapKey().Kind() == protoreflect.BoolKind {
		return key == "true" || key == "false"
	}
	return valueFits(&node{shape: text, value: key}, fd.MapKey())
}

// findField returns the field of either name, as protojson does, or nil.
func findField(fields protoreflect.FieldDescriptors, name string) protoreflect.FieldDescriptor {
	if fd := fields.ByJSONName(name); fd != nil {
		return fd
	}
	return fields.ByTextName(name)
}

// nearest returns the field whose name is a slip of the pen away, or "".
func nearest(fields protoreflect.FieldDescriptors, name string) string {
	best, bestDistance := "", 3
	if len(name) > maxFieldBytes || len(name) < 3 {
		return ""
	}
	for i := range fields.Len() {
		fd := fields.Get(i)
		d := min(distance(string(fd.Name()), name), distance(fd.JSONName(), name))
		if d < bestDistance && d*3 <= len(fd.Name()) {
			best, bestDistance = string(fd.Name()), d
		}
	}
	return best
}

// distance is how many letters must be added, left out or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
