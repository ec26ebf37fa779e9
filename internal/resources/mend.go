package resources

import (
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Envoy reads JSON by protobuf's C++ library, which takes some forms that Go's does
// not. Files that Envoy takes are to be taken here too, so these are written anew
// as Go's has them. All of them were tried with Envoy 1.40. The functions report
// whether they changed the node.

// mendValue mends the value of a boolean, a number or an enum.
func mendValue(n *node, fd protoreflect.FieldDescriptor) bool {
	if n.shape != text {
		return false
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return mendBool(n)
	case protoreflect.EnumKind:
		return mendEnum(n, fd.Enum().Values())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return mendFloat(n)
	case protoreflect.StringKind, protoreflect.BytesKind:
		return false
	default:
		return mendInteger(n)
	}
}

// mendBool takes a boolean in quotes, by the words of absl::SimpleAtob.
func mendBool(n *node) bool {
	switch strings.ToLower(n.value) {
	case "true", "t", "yes", "y", "1":
		n.shape, n.value = boolean, "true"
	case "false", "f", "no", "n", "0":
		n.shape, n.value = boolean, "false"
	default:
		return false
	}
	return true
}

// mendFloat takes a number without digits on one side of its point, as ".5" and "5.",
// and with blanks around it.
func mendFloat(n *node) bool {
	value := strings.TrimSpace(n.value)
	if strings.Trim(value, "0123456789.+-eE") != "" {
		return false // a word, or a form that Go alone reads
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return false
	}
	n.value = strconv.FormatFloat(f, 'g', -1, 64)
	return true
}

// mendInteger takes zeros and a plus sign before a number, as in "08", which YAML does
// not take for octal, a point behind it, and hexadecimal in quotes.
func mendInteger(n *node) bool {
	digits := strings.TrimLeft(n.value, "+-")
	sign, base := n.value[:len(n.value)-len(digits)], 10
	digits = strings.TrimSuffix(digits, ".")
	if hex, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, base = hex, 16
	}
	magnitude, err := strconv.ParseUint(digits, base, 64)
	if err != nil || len(sign) > 1 {
		return false
	}
	n.value = strings.TrimPrefix(sign, "+") + strconv.FormatUint(magnitude, 10)
	return true
}

// mendEnum takes an enum's value in lower case ("type: strict_dns"), which Envoy
// allows by an option of its own (case_insensitive_enum_parsing), and a number in
// quotes.
func mendEnum(n *node, values protoreflect.EnumValueDescriptors) bool {
	if values.ByName(protoreflect.Name(n.value)) != nil {
		return false
	}
	for i := range values.Len() {
		if name := string(values.Get(i).Name()); strings.EqualFold(name, n.value) {
			n.value = name
			return true
		}
	}
	if i, err := strconv.ParseInt(n.value, 10, 32); err == nil {
		n.shape, n.value = number, strconv.FormatInt(i, 10)
		return true
	}
	return false
}

// mendNull takes null for an empty message in a map: "filter_metadata: {x: ~}".
func mendNull(n *node, fd protoreflect.FieldDescriptor) bool {
	if n.shape != null || fd.Message() == nil || fd.Message().FullName() == "google.protobuf.Value" {
		return false
	}
	n.shape = object
	return true
}

// mendMessage takes the messages with a form of their own in the common form as
// well: "connect_timeout: {seconds: 5}", "max_connections: {value: 5}".
func mendMessage(n *node, md protoreflect.MessageDescriptor) bool {
	if md.FullName() == "google.protobuf.Duration" {
		return mendDuration(n)
	}
	wrapped := md.Fields().ByName("value")
	if wrapped == nil || !strings.HasSuffix(string(md.Name()), "Value") {
		return false
	}
	value := n.get("value")
	if n.shape != object || value == nil || len(n.members) != 1 {
		return mendValue(n, wrapped)
	}
	line := n.line
	*n = *value
	n.line = line
	mendValue(n, wrapped)
	return true
}

// mendDuration takes zeros before the seconds ("01s"), and seconds and nanoseconds as
// fields.
func mendDuration(n *node) bool {
	if n.shape == object {
		return mendDurationFields(n)
	}
	if n.shape != text {
		return false
	}
	before := n.value
	for len(n.value) > 1 && n.value[0] == '0' && n.value[1] >= '0' && n.value[1] <= '9' {
		n.value = n.value[1:]
	}
	return n.value != before
}

func mendDurationFields(n *node) bool {
	var d durationpb.Duration
	for _, m := range n.members {
		bits := map[string]int{"seconds": 64, "nanos": 32}[m.key]
		i, ok := wholeNumber(m.value, bits)
		if bits == 0 || !ok {
			return false
		}
		if m.key == "seconds" {
			d.Seconds = i
		} else {
			d.Nanos = int32(i) //nolint:gosec // parsed as 32 bits above
		}
	}
	if d.CheckValid() != nil {
		return false
	}
	n.shape, n.members = text, nil
	n.value = durationText(d.Seconds, d.Nanos)
	return true
}

// wholeNumber reads an integer, which may be written as a number with a point: 1.0.
func wholeNumber(n *node, bits int) (int64, bool) {
	if n.shape != number && n.shape != text {
		return 0, false
	}
	if i, err := strconv.ParseInt(n.value, 10, bits); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(n.value, 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < math.Ldexp(1, bits-1)
}

// durationText writes a duration as JSON has it. It can be longer than what a
// [time.Duration] holds.
func durationText(seconds int64, nanos int32) string {
	sign := ""
	if seconds < 0 || nanos < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
	}
	fraction := strconv.FormatInt(int64(time.Second)+int64(nanos), 10)[1:]
	return sign + strconv.FormatInt(seconds, 10) + "." + fraction + "s"
}
