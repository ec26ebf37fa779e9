package resources

import (
	"fmt"

	udpav1 "github.com/cncf/xds/go/udpa/type/v1"
	xdsv3 "github.com/cncf/xds/go/xds/type/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// visited is a message on the way from a resource to what is looked at.
type visited struct {
	message protoreflect.Message
	// parent is the message around it; an Any stands between no two.
	parent *visited
	path   path
	// nesting is how many messages there are around it, up to the nearest Any.
	nesting int
}

// maxNesting is how deep Envoy's parser goes into a message, that of protobuf's C++
// library: it says no more than "unable to unpack" of what is deeper. An entry of a
// map counts as a message, and each Any is parsed on its own, so that the count
// begins anew in it. A level of a Struct comes to three.
const maxNesting = 100

// walk goes through all messages of a resource, those inside of an Any included.
type walk struct {
	resource *resource
	// each is called for every message, before those inside of it.
	each  func(*visited)
	found Errors
}

// whole visits the message that is the resource, or was inside of an Any: where
// the generated constraints begin anew.
func (w *walk) whole(m proto.Message, parent *visited, p path) {
	w.found = append(w.found, w.resource.constraints(m, p)...)
	w.message(&visited{message: m.ProtoReflect(), parent: parent, path: p})
}

func (w *walk) message(v *visited) {
	if v.nesting > maxNesting {
		w.tooDeep(v)
		return
	}
	switch m := v.message.Interface().(type) {
	case *anypb.Any:
		w.any(m, v)
		return
	case *xdsv3.TypedStruct:
		w.typedStruct(m.GetTypeUrl(), m.GetValue(), v)
	case *udpav1.TypedStruct:
		w.typedStruct(m.GetTypeUrl(), m.GetValue(), v)
	}
	w.each(v)
	v.message.Range(func(fd protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if mayHoldMore(fd) {
			w.field(fd, value, v)
		}
		return true
	})
}

// tooDeep reports the deepest message that has a place in the file, once: all that
// is in it is too deep as well.
func (w *walk) tooDeep(v *visited) {
	if n := len(w.found); n > 0 && w.found[n-1].Problem == nestsTooDeep && w.found[n-1].Field == v.path.String() {
		return
	}
	w.found = append(w.found, w.resource.finding(v.path, nestsTooDeep))
}

var nestsTooDeep = fmt.Sprintf("nests more than %d messages deep, which Envoy can't read; each level of a metadata's mapping counts as three", maxNesting)

// mayHoldMore reports whether a field holds messages that can be of interest: of
// those of google.protobuf, an Any and what may nest without end.
func mayHoldMore(fd protoreflect.FieldDescriptor) bool {
	md := fd.Message()
	if fd.IsMap() {
		md = fd.MapValue().Message()
	}
	return md != nil && (!ofProtobuf(md) || md.Name() == "Any" || nestsFreely(md))
}

func ofProtobuf(md protoreflect.MessageDescriptor) bool {
	return md.ParentFile().Package() == "google.protobuf"
}

// nestsFreely reports whether a message is one of the three that stand for any JSON.
func nestsFreely(md protoreflect.MessageDescriptor) bool {
	return md.ParentFile().Path() == "google/protobuf/struct.proto"
}

func (w *walk) field(fd protoreflect.FieldDescriptor, value protoreflect.Value, v *visited) {
	nesting := v.nesting + 1
	if fd.IsMap() {
		nesting++
	}
	down := func(m protoreflect.Message, s step) {
		at := v.path
		if !nestsFreely(v.message.Descriptor()) { // its fields are not those that a file has
			at = at.with(s)
		}
		w.message(&visited{message: m, parent: v, path: at, nesting: nesting})
	}
	switch {
	case fd.IsMap():
		value.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			down(value.Message(), step{field: fd, index: -1, key: key.String(), isKey: true})
			return true
		})
	case fd.IsList():
		list := value.List()
		for i := range list.Len() {
			down(list.Get(i).Message(), step{field: fd, index: i})
		}
	default:
		down(value.Message(), field(fd))
	}
}

// any visits the message inside. It takes the place of the Any in the parents of
// what is below, and has the same path, as in the file.
func (w *walk) any(m *anypb.Any, v *visited) {
	if m.GetTypeUrl() == "" {
		return
	}
	inner, err := anypb.UnmarshalNew(m, proto.UnmarshalOptions{Resolver: known})
	if err != nil { // can't be: protojson has made it of a message that is known
		w.found = append(w.found, w.resource.finding(v.path, "holds a message that is not of its @type"))
		return
	}
	w.whole(inner, v.parent, v.path)
}

var typedStructValue = (*xdsv3.TypedStruct)(nil).ProtoReflect().Descriptor().Fields().ByName("value")

// typedStruct visits the message that Envoy makes of a TypedStruct. A type that is
// not known here is let pass: that is what a TypedStruct is for.
func (w *walk) typedStruct(url string, value *structpb.Struct, v *visited) {
	mt, err := known.FindMessageByURL(url)
	if err != nil {
		return
	}
	at := v.path.with(field(typedStructValue))
	inner := mt.New().Interface()
	encoded, err := protojson.Marshal(value)
	if err == nil && decoder.Unmarshal(encoded, inner) == nil {
		w.whole(inner, v.parent, at)
		return
	}
	d := diagnosis{resource: w.resource}
	if n := at.deepest(w.resource.node); n.shape == object {
		d.message(n, mt.Descriptor(), at)
		proto.Reset(inner)
		if d.mended && decoder.Unmarshal(n.appendJSON(nil), inner) == nil {
			w.whole(inner, v.parent, at)
			return
		}
	}
	if len(d.found) == 0 {
		d.found = Errors{w.resource.finding(at, "does not fit "+string(mt.Descriptor().FullName()))}
	}
	w.found = append(w.found, d.found...)
}
