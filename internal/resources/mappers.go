package resources

import (
	filterstatemapperv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_mappers/filter_state_override/v3"
	snimapperv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_mappers/sni/v3"
	staticmapperv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_mappers/static_name/v3"
	ondemandsecretv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mapping is how a mapper of certificates names the secret that a connection needs.
type mapping struct {
	// name is the one that the file has, in the field of that name.
	name  string
	field protoreflect.Name
	// by is what a connection brings that names another one, "" for nothing.
	by string
}

// mappingOf knows each mapper that Envoy has; of no other message is ok true.
func mappingOf(m protoreflect.Message) (_ mapping, ok bool) {
	switch m := m.Interface().(type) {
	case *staticmapperv3.StaticName:
		return mapping{name: m.GetName(), field: "name"}, true
	case *snimapperv3.SNI:
		return mapping{name: m.GetDefaultValue(), field: "default_value", by: "its SNI"}, true
	case *filterstatemapperv3.Config:
		return mapping{name: m.GetDefaultValue(), field: "default_value", by: "its filter state"}, true
	}
	return mapping{}, false
}

// mapper takes what an Envoy asks this server for by a mapper of certificates, and
// warns of names that no file has. The selector around the mapper says whom it asks.
func (u *unit) mapper(r *resource, v *visited) {
	m, ok := mappingOf(v.message)
	if !ok || v.parent == nil || v.parent.parent == nil {
		return
	}
	around := v.parent.parent
	selector, ok := around.message.Interface().(*ondemandsecretv3.Config)
	if !ok || !isOurs(selector.GetConfigSource()) {
		return
	}
	if why := unusable(selector.GetConfigSource()); why != "" {
		u.found = append(u.found, r.finding(around.path.with(fieldOf(around, "config_source")), why))
		return
	}
	if m.name != "" {
		u.all = append(u.all, newReference(r, v.path.with(fieldOf(v, m.field)), secretType, m.name))
	}
	if m.by != "" {
		u.warnings = append(u.warnings, warning{finding: r.finding(v.path, "asks for the secret that a connection names by "+m.by+
			", which no file tells: only those that a resource names as well are served, and others to Envoys to whom a rule of the access policy grants them by name")})
	}
}

func fieldOf(v *visited, name protoreflect.Name) step {
	return field(v.message.Descriptor().Fields().ByName(name))
}
