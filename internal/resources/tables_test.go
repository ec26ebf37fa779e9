package resources

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// liveFields calls each for all fields of the messages that a resource may hold.
func liveFields(each func(protoreflect.FieldDescriptor)) {
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		md := mt.Descriptor()
		pkg := string(md.ParentFile().Package())
		if frozen(md) || !strings.HasPrefix(pkg, "envoy.") && !strings.HasPrefix(pkg, "xds.") && !strings.HasPrefix(pkg, "udpa.") {
			return true
		}
		for i := range md.Fields().Len() {
			each(md.Fields().Get(i))
		}
		return true
	})
}

// element is the field whose kind the values of fd have.
func element(fd protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if fd.IsMap() {
		return fd.MapValue()
	}
	return fd
}

func isText(fd protoreflect.FieldDescriptor) bool {
	fd = element(fd)
	return fd.Kind() == protoreflect.StringKind ||
		fd.Message() != nil && fd.Message().FullName() == "google.protobuf.StringValue"
}

// ofClusters reports whether a field or its message is called after clusters.
func ofClusters(fd protoreflect.FieldDescriptor) bool {
	if strings.Contains(string(fd.Name()), "cluster") {
		return true
	}
	return fd.Name() == "name" && strings.Contains(strings.ToLower(string(fd.ContainingMessage().FullName())), "cluster")
}

// compare reports what the table lacks, and what it has that is no such field.
func compare[V any](t *testing.T, table map[protoreflect.FullName]V, is func(protoreflect.FieldDescriptor) bool) {
	t.Helper()
	var found []protoreflect.FullName
	liveFields(func(fd protoreflect.FieldDescriptor) {
		if is(fd) {
			found = append(found, fd.FullName())
		}
	})
	slices.Sort(found)
	if len(found) < 20 {
		t.Fatalf("only %d fields found", len(found))
	}
	for _, name := range found {
		if _, ok := table[name]; !ok {
			t.Errorf("%s is not in the table: say there what it is", name)
		}
	}
	for name := range table {
		if _, ok := slices.BinarySearch(found, name); !ok {
			t.Errorf("%s is in the table, but is no such field", name)
		}
	}
}

func TestEveryFieldOfClustersIsClassified(t *testing.T) {
	compare(t, clusterFields, func(fd protoreflect.FieldDescriptor) bool { return isText(fd) && ofClusters(fd) })
	for name, c := range clusterFields {
		if (c.role == notReference) == (c.reason == "") {
			t.Errorf("%s: either a role or a reason why it has none", name)
		}
	}
}

func TestEveryConfigSourceIsClassified(t *testing.T) {
	compare(t, sources, func(fd protoreflect.FieldDescriptor) bool {
		md := element(fd).Message()
		return md != nil && md.FullName() == "envoy.config.core.v3.ConfigSource"
	})
	for name, s := range sources {
		if (s.asks == "") == (s.elsewhere == "") {
			t.Errorf("%s: either asks for something or says why not", name)
		}
		_, ok := servedKind(s.asks)
		if s.asks != "" && ok == (s.instead != "") {
			t.Errorf("%s: a type that is not served needs a remedy, and no other one does", name)
		}
		if s.names != nil && !ok {
			t.Errorf("%s: names of a type that is not served", name)
		}
		if s.asks != "" {
			if _, err := protoregistry.GlobalTypes.FindMessageByName(s.asks); err != nil {
				t.Errorf("%s asks for %s, which is no message", name, s.asks)
			}
		}
	}
}

// TestClustersAreTextsThatArePlain holds what gather relies on.
func TestClustersAreTextsThatArePlain(t *testing.T) {
	liveFields(func(fd protoreflect.FieldDescriptor) {
		if c, ok := clusterFields[fd.FullName()]; ok && c.role != notReference && (fd.IsMap() || fd.Kind() != protoreflect.StringKind) {
			t.Errorf("%s is a reference, but neither a text nor a list of texts", fd.FullName())
		}
		if s, ok := sources[fd.FullName()]; ok && s.elsewhere == "" && (fd.IsMap() || fd.IsList()) {
			t.Errorf("%s is more than one ConfigSource", fd.FullName())
		}
	})
}
