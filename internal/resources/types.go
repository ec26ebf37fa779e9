package resources

//go:generate go run ./gentypes

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	runtimev3 "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ServerCluster is the name of the cluster by which an Envoy reaches this server.
// It comes from Envoy's start configuration, so that no file needs to define it,
// and a configuration source that names it asks this server.
const ServerCluster = "contour"

const urlPrefix = "type.googleapis.com/"

// Type is a type of resource that this server serves.
type Type struct {
	// URL is the type URL, by which xDS knows the type.
	URL string
	// Label is the type's short name in metrics and errors.
	Label string
}

// Types returns the served types. The order is fixed, and is the one in which an
// Envoy wants to learn of a change: what is referred to comes before what refers.
func Types() []Type {
	all := make([]Type, len(served))
	for i, s := range served {
		all[i] = s.Type
	}
	return all
}

// kind is a served type with what this package needs to know of it.
type kind struct {
	Type
	descriptor protoreflect.MessageDescriptor
	// nameField is the field that holds the name by which xDS asks for it.
	nameField protoreflect.Name
}

var served = []kind{
	newKind("secret", (*tlsv3.Secret)(nil), "name"),
	newKind("cluster", (*clusterv3.Cluster)(nil), "name"),
	newKind("endpoint", (*endpointv3.ClusterLoadAssignment)(nil), "cluster_name"),
	newKind("extension_config", (*corev3.TypedExtensionConfig)(nil), "name"),
	newKind("listener", (*listenerv3.Listener)(nil), "name"),
	newKind("route", (*routev3.RouteConfiguration)(nil), "name"),
	newKind("runtime", (*runtimev3.Runtime)(nil), "name"),
}

func newKind(label string, m proto.Message, nameField protoreflect.Name) kind {
	md := m.ProtoReflect().Descriptor()
	return kind{Type: Type{URL: urlPrefix + string(md.FullName()), Label: label}, descriptor: md, nameField: nameField}
}

// SecretURL is the type URL of secrets, of which an Envoy does not get all that there are.
const SecretURL = urlPrefix + string(secretType)

var secretKind, _ = servedKind(secretType)

// servedKind returns the served type of that message, if it is one.
func servedKind(message protoreflect.FullName) (kind, bool) {
	for _, s := range served {
		if s.descriptor.FullName() == message {
			return s, true
		}
	}
	return kind{}, false
}

// name returns the resource's name, as the type has it.
func (k kind) name(m protoreflect.Message) string {
	return m.Get(k.descriptor.Fields().ByName(k.nameField)).String()
}
