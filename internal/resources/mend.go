package resources

import (
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

// mendValue mends the value of a boolean or of an enum.
func mendValue(n *node, fd protoreflect.FieldDescriptor) bool {
	switch {
	case n.shape != text:
		return false
	case fd.Kind() == protoreflect.BoolKind:
		return mendBool(n)
	case fd.Kind() == protoreflect.EnumKind:
		return mendEnum(n, fd.Enum().Values())
	}
	return false
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
	if n.shape == text && md.FullName() == "google.protobuf.BoolValue" {
		return mendBool(n)
	}
	if n.shape != object {
		return false
	}
	if md.FullName() == "google.protobuf.Duration" {
		return mendDuration(n)
	}
	value := n.get("value")
	if !strings.HasSuffix(string(md.Name()), "Value") || md.Fields().ByName("value") == nil || value == nil || len(n.members) != 1 {
		return false
	}
	line := n.line
	*n = *value
	n.line = line
	return true
}

func mendDuration(n *node) bool {
	var d durationpb.Duration
	for _, m := range n.members {
		bits := map[string]int{"seconds": 64, "nanos": 32}[m.key]
		i, err := strconv.ParseInt(m.value.value, 10, bits)
		if bits == 0 || err != nil || m.value.shape != number && m.value.shape != text {
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
