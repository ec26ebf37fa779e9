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
	path path
	// to is the type of what is named.
	to   protoreflect.FullName
	name string
	// role is that of a reference to a cluster.
	role role
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

// references is what the walks through all resources gather.
type references struct {
	all []reference
	// static are the references to secrets without a source, which an Envoy takes for
	// secrets of its own start configuration.
	static []reference
	free   map[*resource]freedom
	found  Errors
}

// gather takes one message of a walk.
func (g *references) gather(r *resource, v *visited) {
	g.free[r] |= freedomOf(v.message)
	if sds, ok := v.message.Interface().(*tlsv3.SdsSecretConfig); ok && sds.GetSdsConfig() == nil {
		g.static = append(g.static, reference{from: r, path: v.path, to: secretType, name: sds.GetName()})
	}
	for _, p := range planOf(v.message.Descriptor()) {
		if !v.message.Has(p.field) {
			continue
		}
		if p.isCluster {
			g.clusters(r, v, p)
		} else {
			g.source(r, v, p)
		}
	}
}

// clusters takes the names in a field that names clusters.
func (g *references) clusters(r *resource, v *visited, p planned) {
	if p.role == routed && v.unvalidated() {
		return
	}
	add := func(name string, s step) {
		if name != "" {
			g.all = append(g.all, reference{from: r, path: v.path.with(s), to: clusterType, name: name, role: p.role})
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
func (g *references) source(r *resource, v *visited, p planned) {
	config, ok := v.message.Get(p.field).Message().Interface().(*corev3.ConfigSource)
	if !ok || !isOurs(config) {
		return
	}
	at := v.path.with(field(p.field))
	if _, ok := servedKind(p.source.asks); !ok {
		g.found = append(g.found, r.finding(at, "asks this server for resources of type "+string(p.source.asks)+
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
		g.found = append(g.found, r.finding(at, why))
		return
	}
	for _, name := range names {
		if name != "" {
			g.all = append(g.all, reference{from: r, path: at, to: p.source.asks, name: name})
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

// check returns a finding for each reference to what is not defined.
func (g *references) check(defined map[identity]bool) Errors {
	g.spread()
	var errs Errors
	for _, ref := range g.all {
		if errs.full() {
			return errs
		}
		if locator(ref.name) || defined[identity{urlPrefix + string(ref.to), ref.name}] || g.freed(ref) {
			continue
		}
		errs = append(errs, ref.from.finding(ref.path, ref.missing()))
	}
	for _, ref := range g.static {
		if defined[identity{urlPrefix + string(secretType), ref.name}] {
			errs = append(errs, ref.from.finding(ref.path, "names the secret "+quoteName(ref.name)+", which a file defines, but not where to ask for it, so that "+
				`an Envoy would look in its own start configuration alone: add "sds_config: {ads: {}, resource_api_version: V3}"`))
		}
	}
	return errs
}

// spread lets an extension's freedom reach the listener that the extension is part
// of, and a listener's reach the route configurations that it uses.
func (g *references) spread() {
	byID := make(map[identity]*resource, len(g.free))
	for r := range g.free {
		byID[r.id()] = r
	}
	for changed := true; changed; {
		changed = false
		for _, ref := range g.all {
			to := byID[identity{urlPrefix + string(ref.to), ref.name}]
			var into *resource
			var what freedom
			switch {
			case to == nil:
			case ref.to == extensionType:
				into, what = ref.from, g.free[to]
			case ref.to == routeType:
				into, what = to, g.free[ref.from]
			}
			if into != nil && g.free[into]|what != g.free[into] {
				g.free[into] |= what
				changed = true
			}
		}
	}
}

// freed reports whether the resource may name a cluster that is not there.
func (g *references) freed(ref reference) bool {
	switch ref.role {
	case routed:
		return g.free[ref.from]&onDemand != 0
	case tcp:
		return g.free[ref.from]&(onDemand|overruled) != 0
	}
	return false
}

// missing says what is wrong with a reference to nothing, and what to do.
func (ref reference) missing() string {
	if ref.to == clusterType {
		return "names the cluster " + quoteName(ref.name) + ", which no file defines: define it, " +
			"or name it in --external-clusters if every Envoy knows it from its own start"
	}
	return "asks this server for the " + shortName(ref.to) + " " + quoteName(ref.name) +
		", which no file defines, so that an Envoy would wait for it: define it"
}

// shortName is a type's name without its package.
func shortName(name protoreflect.FullName) string {
	return string(name[strings.LastIndexByte(string(name), '.')+1:])
}
