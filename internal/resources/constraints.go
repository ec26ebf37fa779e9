package resources

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// violation is an error of protoc-gen-validate's generated code. Its Reason is
// text that stands in that code and never a value. Its Field can hold the key of a
// map, and its Error prints that, so that neither is passed on as it is.
type violation interface {
	Field() string
	Reason() string
	Cause() error
}

// violations is an error that holds several.
type violations interface{ AllErrors() []error }

// embedded is the reason that stands on the way to the violation of a message
// inside of another.
const embedded = "embedded message failed validation"

// constraints checks the rules that a message's fields carry in the proto files,
// down to the next Any, which the generated code does not look into.
func (r *resource) constraints(m proto.Message, p path) Errors {
	v, ok := m.(interface{ ValidateAll() error })
	if !ok {
		return nil // messages outside of Envoy's and xDS's own have no rules
	}
	err := v.ValidateAll()
	if err == nil {
		return nil
	}
	return r.violated(err, m.ProtoReflect().Descriptor(), p)
}

// violated translates what the generated code found in a message of type md.
func (r *resource) violated(err error, md protoreflect.MessageDescriptor, p path) Errors {
	switch e := err.(type) {
	case violations:
		var errs Errors
		for _, one := range e.AllErrors() {
			if errs.full() {
				break
			}
			errs = append(errs, r.violated(one, md, p)...)
		}
		return errs
	case violation:
		return r.violatedField(e, md, p)
	default:
		return Errors{r.finding(p, "violates a constraint of "+string(md.FullName()))}
	}
}

func (r *resource) violatedField(e violation, md protoreflect.MessageDescriptor, p path) Errors {
	name, index := cutIndex(e.Field())
	fd := fieldByGoName(md, name)
	if fd == nil {
		if group := oneofByGoName(md, name); group != nil {
			return Errors{r.finding(p, "needs one of "+oneofMembers(group))}
		}
		return Errors{r.finding(p, "violates a constraint of "+string(md.FullName())+": "+e.Reason())}
	}
	at := p.with(stepTo(fd, index))
	message := fd.Message()
	if fd.IsMap() {
		message = fd.MapValue().Message()
	}
	if e.Reason() == embedded && e.Cause() != nil && message != nil {
		return r.violated(e.Cause(), message, at)
	}
	return Errors{r.finding(at, e.Reason())}
}

// cutIndex splits "Routes[3]" into name and index. The index of a map is its key,
// and may hold anything.
func cutIndex(name string) (string, string) {
	name, index, _ := strings.Cut(name, "[")
	return name, strings.TrimSuffix(index, "]")
}

// stepTo returns the step to what an index of the generated code means.
func stepTo(fd protoreflect.FieldDescriptor, index string) step {
	s := field(fd)
	switch {
	case fd.IsMap():
		s.key, s.isKey = index, index != ""
	case fd.IsList():
		if i, err := strconv.Atoi(index); err == nil {
			s.index = i
		}
	}
	return s
}

// fieldByGoName returns the field that the generated code calls by that name:
// the proto name without underscores, with capitals in their place.
func fieldByGoName(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); sameGoName(string(fd.Name()), name) {
			return fd
		}
	}
	return nil
}

func oneofByGoName(md protoreflect.MessageDescriptor, name string) protoreflect.OneofDescriptor {
	for i := range md.Oneofs().Len() {
		if group := md.Oneofs().Get(i); sameGoName(string(group.Name()), name) {
			return group
		}
	}
	return nil
}

func sameGoName(proto, generated string) bool {
	return strings.EqualFold(strings.ReplaceAll(proto, "_", ""), strings.ReplaceAll(generated, "_", ""))
}
