package resources

import (
	"strconv"
	"strings"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// resource is one resource of a file, decoded as far as it could be.
type resource struct {
	kind kind
	file string
	// line is where it begins, 0 for a file that has but one.
	line int
	// name is as the file has it, "" for none.
	name string
	// free is what lets it name clusters that no file defines, by itself.
	free freedom
	// beside is true of the bundle that stands beside a pair.
	beside bool
	// served is what is made of it; nil when the resource could not be decoded. The name still counts as defined then, so that one mistake is not
	// reported as many.
	served *Resource
	// node and message are there only while the file is read.
	node    *node
	message proto.Message
}

// identity is what no two resources of one Envoy may share.
type identity struct {
	message protoreflect.FullName
	name    string
}

func (r *resource) id() identity { return identity{r.kind.descriptor.FullName(), r.name} }

// place says where the resource stands.
func (r *resource) place() string {
	if r.line == 0 {
		return printable(r.file)
	}
	return printable(r.file) + ":" + strconv.Itoa(r.line)
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
	r := &resource{kind: k, file: file, line: inner.line, node: inner}
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
		return Errors{r.findingAt(r.line, string(r.kind.nameField), "is missing: an Envoy asks for a resource by its name")}
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
