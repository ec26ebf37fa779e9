package resources

import (
	"bytes"
	"path/filepath"
	"strings"
	"unicode/utf8"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// isResourceFile reports whether a file of that name is read.
func isResourceFile(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// parse reads a file's text into nodes.
func parse(name string, data []byte) (*node, *problem) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, problemf(lineAt(data, int64(validPrefix(data))), "is not UTF-8 text")
	}
	if filepath.Ext(name) == ".json" {
		return parseJSON(data)
	}
	return parseYAML(data)
}

// validPrefix returns how many bytes come before the first that is not UTF-8.
func validPrefix(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

var responseFields = (*discoveryv3.DiscoveryResponse)(nil).ProtoReflect().Descriptor().Fields()

const emptyRemedy = `for a file without resources write "resources: []"`

// list returns the nodes of a file's resources. All the other fields of a
// DiscoveryResponse, which Envoy's own files carry, are passed over: versions are
// made here, and a nonce means nothing in a file.
func list(root *node) ([]*node, *problem) {
	if root == nil || root.shape == null {
		return nil, problemf(1, "is empty, as if cut off while it was written: %s", emptyRemedy)
	}
	if root.shape != object {
		return nil, problemf(root.line, `is no mapping: a file reads "resources:" and a list below it`)
	}
	for _, m := range root.members {
		if findField(responseFields, m.key) == nil {
			return nil, problemf(m.line, `has %s beside "resources": a resource stands in the list under "resources:"`, describeKey(m.key))
		}
	}
	resources := root.get("resources")
	switch {
	case resources == nil:
		return nil, problemf(root.line, `has no "resources:": %s`, emptyRemedy)
	case resources.shape == null:
		return nil, problemf(resources.line, `has nothing under "resources:", as if cut off while it was written: %s`, emptyRemedy)
	case resources.shape != array:
		return nil, problemf(resources.line, `has no list under "resources:": each resource begins with "- "`)
	}
	return resources.items, nil
}

// resource is one resource of a file, decoded as far as it could be.
type resource struct {
	kind kind
	file string
	node *node
	// name is as the file has it, "" for none.
	name string
	// message is nil when the resource could not be decoded. Its name still counts
	// as defined, so that one mistake is not reported as many.
	message proto.Message
}

// finding returns a finding about a part of the resource.
func (r *resource) finding(p path, problem string) Finding {
	return r.findingAt(p.line(r.node), p.String(), problem)
}

func (r *resource) findingAt(line int, field, problem string) Finding {
	f := Finding{File: r.file, Line: line, Type: r.kind.Label, Field: field, Problem: problem}
	if r.name != "" {
		f.Resource = quoteName(r.name)
	}
	return f
}

// decodeResource reads one element of the list. The resource is nil when not even
// its type is one that is served.
func decodeResource(file string, n *node) (*resource, Errors) {
	fail := func(line int, text string) (*resource, Errors) {
		return nil, Errors{{File: file, Line: line, Problem: text}}
	}
	if n.shape != object {
		return fail(n.line, "has a resource that is no mapping of fields")
	}
	wrappedName, inner, wrong := unwrap(n)
	if wrong != nil {
		return fail(wrong.line, wrong.text)
	}
	url := inner.get("@type")
	if url == nil || url.shape != text {
		return fail(inner.line, `has a resource without an @type, such as "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster`)
	}
	mt, err := known.FindMessageByURL(url.value)
	if err != nil {
		return fail(url.line, known.why(url.value))
	}
	k, ok := servedKind(mt.Descriptor().FullName())
	if !ok {
		return fail(url.line, notServed(mt.Descriptor()))
	}
	r := &resource{kind: k, file: file, node: inner}
	if name := inner.get(string(k.nameField), k.jsonName()); name != nil && name.shape == text {
		r.name = name.value
	}
	return r, r.decode(mt, wrappedName)
}

// decode fills in the message, or says why it can't.
func (r *resource) decode(mt protoreflect.MessageType, wrappedName *node) Errors {
	message := mt.New().Interface()
	if errs := decodeMessage(r, message); len(errs) > 0 {
		return errs
	}
	r.name = r.kind.name(message.ProtoReflect())
	if r.name == "" {
		return Errors{r.findingAt(r.node.line, string(r.kind.nameField), "is missing: an Envoy asks for a resource by its name")}
	}
	if wrappedName != nil && wrappedName.value != r.name {
		return Errors{r.findingAt(wrappedName.line, "", "is wrapped under another name than its own: the name beside \"resource:\" must be the resource's")}
	}
	r.message = message
	return nil
}

func (k kind) jsonName() string {
	return k.descriptor.Fields().ByName(k.nameField).JSONName()
}

var wrapperName = (*discoveryv3.Resource)(nil).ProtoReflect().Descriptor().FullName()

// unwrap returns the resource in a discovery.v3.Resource, and the name that stands
// on the wrapper, or the node itself where it is none. What the wrapper could say
// beyond name and version is not served, and so is refused.
func unwrap(n *node) (name, inner *node, wrong *problem) {
	url := n.get("@type")
	if url == nil || url.shape != text || !strings.HasSuffix(url.value, "/"+string(wrapperName)) {
		return nil, n, nil
	}
	for _, m := range n.members {
		switch m.key {
		case "@type", "version":
		case "name":
			if m.value.shape != text {
				return nil, nil, problemf(m.line, "wraps a resource under a name that is no text%s", m.value.remedy(protoreflect.StringKind))
			}
			if m.value.value != "" {
				name = m.value
			}
		case "resource":
			inner = m.value
		default:
			return nil, nil, problemf(m.line, "wraps a resource with more than its name, version and resource, which this server does not serve")
		}
	}
	if inner == nil || inner.shape != object {
		return nil, nil, problemf(n.line, "has a wrapper of type %s without a resource in it", wrapperName)
	}
	return name, inner, nil
}

// servedInstead says what stands in for some types that are not served.
var servedInstead = map[protoreflect.FullName]string{
	"envoy.config.route.v3.ScopedRouteConfiguration": "put the scopes into the listener, as scoped_route_configurations_list",
	"envoy.config.route.v3.VirtualHost":              "put it into its RouteConfiguration",
	"envoy.config.endpoint.v3.LbEndpoint":            "put it into its ClusterLoadAssignment",
	"envoy.config.endpoint.v3.LocalityLbEndpoints":   "put it into its ClusterLoadAssignment",
	"envoy.config.bootstrap.v3.Bootstrap":            `it is what "contour bootstrap" writes for an Envoy to start with`,
	"envoy.service.discovery.v3.DiscoveryResponse":   "put what its resources are into the list itself",
}

func notServed(md protoreflect.MessageDescriptor) string {
	problem := "has a resource of type " + string(md.FullName()) + ", which this server does not serve"
	if remedy, ok := servedInstead[md.FullName()]; ok {
		problem += ": " + remedy
	}
	return problem
}
