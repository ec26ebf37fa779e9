package resources

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	ondemandv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	sniclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/sni_cluster/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// reference is one place where a resource names another one.
type reference struct {
	from *resource
	// line and field are those of the place.
	line  int
	field string
	to    identity
	// role is that of a reference to a cluster.
	role role
}

// newReference takes down a place of the resource, whose nodes don't outlive the
// reading of its file.
func newReference(from *resource, at path, to protoreflect.FullName, name string) reference {
	return reference{from: from, line: at.line(from.node), field: at.String(), to: identity{to, name}}
}

func (ref reference) finding(problem string) Finding {
	return ref.from.findingAt(ref.line, ref.field, problem)
}

// freedom is what lets a resource name clusters that no file defines. It spreads
// from a part of a configuration to what it is part of.
type freedom uint8

const (
	// onDemand: requests wait while Envoy fetches the cluster that they are routed to.
	onDemand freedom = 1 << iota
	// overruled: another filter says where connections go.
	overruled
)

// gather takes one message of a walk.
func (u *unit) gather(r *resource, v *visited) {
	r.free |= freedomOf(v.message)
	if sds, ok := v.message.Interface().(*tlsv3.SdsSecretConfig); ok && sds.GetSdsConfig() == nil {
		u.static = append(u.static, newReference(r, v.path, secretType, sds.GetName()))
	}
	u.mapper(r, v)
	for _, p := range planOf(v.message.Descriptor()) {
		if !v.message.Has(p.field) {
			continue
		}
		if p.isCluster {
			u.clusters(r, v, p)
		} else {
			u.source(r, v, p)
		}
	}
}

// clusters takes the names in a field that names clusters.
func (u *unit) clusters(r *resource, v *visited, p planned) {
	if p.role == routed && v.unvalidated() {
		return
	}
	add := func(name string, s step) {
		if name != "" {
			ref := newReference(r, v.path.with(s), clusterType, name)
			ref.role = p.role
			u.all = append(u.all, ref)
		}
	}
	value := v.message.Get(p.field)
	if !p.field.IsList() {
		add(value.String(), field(p.field))
		return
	}
	for i := range value.List().Len() {
		add(value.List().Get(i).String(), step{field: p.field, index: i})
	}
}

// unvalidated reports whether a route configuration around the message says
// "validate_clusters: false". Envoy then takes routes to clusters that it does not
// know, and answers such requests with an error: the author asked for that. Unset
// means the same to an Envoy that fetches its routes, but nobody asked for it, and a
// slip of the pen is what it most often hides.
func (v *visited) unvalidated() bool {
	for ; v != nil; v = v.parent {
		if routes, ok := v.message.Interface().(*routev3.RouteConfiguration); ok {
			return routes.GetValidateClusters() != nil && !routes.GetValidateClusters().GetValue()
		}
	}
	return false
}

// source takes what a ConfigSource asks this server for.
func (u *unit) source(r *resource, v *visited, p planned) {
	config, ok := v.message.Get(p.field).Message().Interface().(*corev3.ConfigSource)
	if !ok || !isOurs(config) {
		return
	}
	at := v.path.with(field(p.field))
	if _, ok := servedKind(p.source.asks); !ok {
		u.found = append(u.found, r.finding(at, "asks this server for resources of type "+string(p.source.asks)+
			", which it does not serve: "+p.source.instead))
		return
	}
	var names []string
	if p.source.names != nil {
		if names = p.source.names(v); len(names) == 0 {
			return // nothing is asked for
		}
	}
	if why := unusable(config); why != "" {
		u.found = append(u.found, r.finding(at, why))
		return
	}
	for _, name := range names {
		if name != "" {
			u.all = append(u.all, newReference(r, at, p.source.asks, name))
		}
	}
}

// tcpClusterKey is the filter state by which a filter before tcp_proxy chooses the
// cluster.
const tcpClusterKey = "envoy.tcp_proxy.cluster"

func freedomOf(m protoreflect.Message) freedom {
	switch m := m.Interface().(type) {
	case *ondemandv3.OnDemandCds, *tcpproxyv3.TcpProxy_OnDemand, *routev3.Vhds:
		return onDemand
	case *sniclusterv3.SniCluster:
		return overruled
	case *filterstatev3.FilterStateValue:
		if m.GetObjectKey() == tcpClusterKey {
			return overruled
		}
	}
	return 0
}

// missing says what is wrong with a reference to nothing, and what to do. Where says
// who does not define it.
func (ref reference) missing(where string) string {
	if ref.to.message == clusterType {
		return "names the cluster " + quoteName(ref.to.name) + ", " + where + ": define it, " +
			"or name it in --external-clusters if every Envoy knows it from its own start"
	}
	return "asks this server for the " + shortName(ref.to.message) + " " + quoteName(ref.to.name) +
		", " + where + ", so that an Envoy would wait for it: define it"
}

// misplaced says what is wrong with a reference from the top to what only a group has.
func (ref reference) misplaced(group string) string {
	return "refers to the " + shortName(ref.to.message) + " " + quoteName(ref.to.name) + ", which the group " + quoteName(group) +
		" defines and the top does not, so that the Envoys of other groups would lack it: define it at the top, or move this into the group"
}

// unasked says what is wrong with a reference without a source.
func (ref reference) unasked(where string) string {
	return "names the secret " + quoteName(ref.to.name) + ", which " + where + " defines, but not where to ask for it, so that " +
		`an Envoy would look in its own start configuration alone: add "sds_config: {ads: {}, resource_api_version: V3}"`
}

// shortName is a type's name without its package.
func shortName(name protoreflect.FullName) string {
	return string(name[strings.LastIndexByte(string(name), '.')+1:])
}
