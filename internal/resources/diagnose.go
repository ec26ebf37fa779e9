package resources

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// diagnosis finds out where a node does not fit its message, by going down both
// together and trying each value alone.
type diagnosis struct {
	resource *resource
	// found ends at maxFound.
	found Errors
	// mended tells that nodes were changed to what protojson reads.
	mended bool
}

func (d *diagnosis) add(line int, p path, format string, args ...any) {
	if d.found.full() {
		return
	}
	d.found = append(d.found, d.resource.findingAt(line, p.String(), fmt.Sprintf(format, args...)))
}

// message goes through the fields of n, which should be a message of type md.
func (d *diagnosis) message(n *node, md protoreflect.MessageDescriptor, p path) {
	if d.found.full() {
		return // what is not reported need not be tried
	}
	if md.FullName() == "google.protobuf.Any" {
		d.any(n, p)
		return
	}
	if special, ok := specialForms[md.FullName()]; ok {
		d.mended = mendMessage(n, md) || d.mended
		if !readable(n, md) {
			d.add(n.line, p, "expects %s%s", special, n.remedy(wrappedKind(md)))
		}
		return
	}
	if n.shape != object {
		d.add(n.line, p, "expects the fields of %s", md.FullName())
		return
	}
	seen := map[protoreflect.FullName]bool{}
	for _, m := range n.members {
		fd := findField(md.Fields(), m.key)
		if fd == nil {
			d.unknown(m, md, p)
			continue
		}
		d.once(m, fd, p, seen)
		if m.value.shape != null {
			d.field(m.value, fd, p)
		}
	}
}

// once notes that a field was met, and finds the second of one name and the second
// of a group of which one may be set.
func (d *diagnosis) once(m member, fd protoreflect.FieldDescriptor, p path, seen map[protoreflect.FullName]bool) {
	if seen[fd.FullName()] {
		d.add(m.line, p.with(field(fd)), "is given twice, once in each way to write its name")
	}
	seen[fd.FullName()] = true
	group := fd.ContainingOneof()
	if group == nil || group.IsSynthetic() || m.value.shape == null {
		return
	}
	if seen[group.FullName()] {
		d.add(m.line, p.with(field(fd)), "can't stand beside another one of %s: only one of them may be given", oneofMembers(group))
	}
	seen[group.FullName()] = true
}

// unknown reports a key that is no field, with the one that was meant if there is
// one that is near.
func (d *diagnosis) unknown(m member, md protoreflect.MessageDescriptor, p path) {
	if near := nearest(md.Fields(), m.key); near != "" {
		d.add(m.line, p, "has an unknown field: did you mean %q? (a field of %s)", near, md.FullName())
		return
	}
	d.add(m.line, p, "has %s that is no field of %s", describeKey(m.key), md.FullName())
}

// describeKey names a key that should not be there, if it may be named.
func describeKey(key string) string {
	if showableField(key) {
		return fmt.Sprintf("a key %q", key)
	}
	return "a key (not shown)"
}

func (d *diagnosis) field(n *node, fd protoreflect.FieldDescriptor, p path) {
	switch {
	case fd.IsMap():
		d.mapping(n, fd, p)
	case fd.IsList():
		if n.shape != array {
			d.add(n.line, p.with(field(fd)), "expects a list")
			return
		}
		for i, item := range n.items {
			if d.found.full() {
				return
			}
			d.single(item, fd, p.with(step{field: fd, index: i}))
		}
	default:
		d.single(n, fd, p.with(field(fd)))
	}
}

func (d *diagnosis) mapping(n *node, fd protoreflect.FieldDescriptor, p path) {
	if n.shape != object {
		d.add(n.line, p.with(field(fd)), "expects a mapping")
		return
	}
	for _, m := range n.members {
		at := p.with(step{field: fd, index: -1, key: m.key, isKey: true})
		if !mapKeyFits(m.key, fd) {
			d.add(m.line, at, "has a key that is not %s", kindWords(fd.MapKey()))
		}
		d.mended = mendNull(m.value, fd.MapValue()) || d.mended
		d.single(m.value, fd.MapValue(), at)
	}
}

// single looks at one value: of a field, of a list's element or of a map's entry.
func (d *diagnosis) single(n *node, fd protoreflect.FieldDescriptor, p path) {
	if fd.Message() != nil {
		d.message(n, fd.Message(), p)
		return
	}
	d.mended = mendValue(n, fd) || d.mended
	if !valueFits(n, fd) {
		d.add(n.line, p, "expects %s%s", kindWords(fd), n.remedy(fd.Kind()))
	}
}

// any looks into a message that carries its own type.
func (d *diagnosis) any(n *node, p path) {
	if n.shape != object {
		d.add(n.line, p, "expects a message with its @type")
		return
	}
	url := n.get("@type")
	if url == nil && len(n.members) == 0 {
		return // an empty Any is one without a type
	}
	if url == nil || url.shape != text {
		d.add(n.line, p, `lacks an @type, such as "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`)
		return
	}
	mt, err := known.FindMessageByURL(url.value)
	if err != nil {
		d.add(url.line, p, "%s", known.why(url.value))
		return
	}
	md := mt.Descriptor()
	if special, ok := specialForms[md.FullName()]; ok || md.FullName() == "google.protobuf.Any" {
		if !readable(n, anyDescriptor) {
			d.add(n.line, p, `expects, beside the @type, "value:" with %s`, special)
		}
		return
	}
	d.message(withoutType(n), md, p)
}

// oneofMembers returns the names of a group's fields.
func oneofMembers(group protoreflect.OneofDescriptor) string {
	names := make([]string, 0, group.Fields().Len())
	for i := range group.Fields().Len() {
		names = append(names, string(group.Fields().Get(i).Name()))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// readable reports whether protojson takes the node for a message of type md.
func readable(n *node, md protoreflect.MessageDescriptor) bool {
	return decoder.Unmarshal(n.appendJSON(nil), dynamicpb.NewMessage(md)) == nil
}
