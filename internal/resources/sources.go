package resources

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	ondemandsecretv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/cert_selectors/on_demand_secret/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// source says what an Envoy asks for through a field of type ConfigSource.
type source struct {
	// asks is the message that is asked for.
	asks protoreflect.FullName
	// names returns the names that the configuration around the field asks for. It is
	// nil where Envoy makes them up as it goes.
	names func(around *visited) []string
	// elsewhere says why a field can't be part of a resource, or asks for nothing.
	elsewhere string
	// instead is what to do where the type asked for is not served.
	instead string
}

const (
	routeType     protoreflect.FullName = "envoy.config.route.v3.RouteConfiguration"
	endpointType  protoreflect.FullName = "envoy.config.endpoint.v3.ClusterLoadAssignment"
	secretType    protoreflect.FullName = "envoy.extensions.transport_sockets.tls.v3.Secret"
	extensionType protoreflect.FullName = "envoy.config.core.v3.TypedExtensionConfig"
	clusterType   protoreflect.FullName = "envoy.config.cluster.v3.Cluster"
)

const bootstrapOnly = "it is a field of Envoy's start configuration, which is no resource"

// sources classifies every field of type ConfigSource in the messages that are
// known; a test fails when one is missing here. The visited message that names
// gets is the one that has the field.
var sources = map[protoreflect.FullName]source{
	"envoy.config.cluster.v3.Cluster.EdsClusterConfig.eds_config":                                    {asks: endpointType, names: edsName},
	"envoy.config.core.v3.ExtensionConfigSource.config_source":                                       {asks: extensionType, names: extensionName},
	"envoy.extensions.filters.network.http_connection_manager.v3.Rds.config_source":                  {asks: routeType, names: rdsName},
	"envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.rds_config_source":     {asks: routeType, names: scopedNames},
	"envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig.sds_config":                           {asks: secretType, names: sdsName},
	"envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config.config_source": {asks: secretType, names: prefetchedNames},
	"envoy.extensions.filters.http.on_demand.v3.OnDemandCds.source":                                  {asks: clusterType},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand.odcds_config":                   {asks: clusterType},
	"envoy.config.endpoint.v3.LedsClusterLocalityConfig.leds_config":                                 {asks: "envoy.config.endpoint.v3.LbEndpoint", instead: "put the endpoints into the ClusterLoadAssignment"},
	"envoy.config.listener.v3.Listener.FcdsConfig.config_source":                                     {asks: "envoy.config.listener.v3.FilterChain", instead: "put the filter chains into the listener"},
	"envoy.config.route.v3.Vhds.config_source":                                                       {asks: "envoy.config.route.v3.VirtualHost", instead: "put the virtual hosts into the RouteConfiguration"},
	"envoy.extensions.filters.network.http_connection_manager.v3.ScopedRds.scoped_rds_config_source": {asks: "envoy.config.route.v3.ScopedRouteConfiguration", instead: "put the scopes into the listener, as scoped_route_configurations_list"},
	"envoy.extensions.access_loggers.filters.process_ratelimit.v3.DynamicTokenBucket.config_source":  {asks: "envoy.type.v3.TokenBucket", instead: "put the token bucket into a file of its own, as a path_config_source"},
	"envoy.extensions.clusters.aggregate.v3.AggregateClusterResource.config_source":                  {asks: "envoy.extensions.clusters.aggregate.v3.ClusterConfig", instead: "put the list of clusters into the cluster"},
	"envoy.extensions.filters.network.dubbo_proxy.v3.Drds.config_source":                             {asks: "envoy.extensions.filters.network.dubbo_proxy.v3.MultipleRouteConfiguration", instead: "put the routes into the filter"},
	"envoy.extensions.filters.network.generic_proxy.v3.GenericRds.config_source":                     {asks: "envoy.extensions.filters.network.generic_proxy.v3.RouteConfiguration", instead: "put the routes into the filter"},
	"envoy.extensions.filters.network.thrift_proxy.v3.Trds.config_source":                            {asks: "envoy.extensions.filters.network.thrift_proxy.v3.RouteConfiguration", instead: "put the routes into the filter"},
	"envoy.config.cluster.v3.Cluster.lrs_server":                                                     {elsewhere: "it only says where load is reported, and nothing waits for that"},
	"envoy.config.bootstrap.v3.Bootstrap.DynamicResources.cds_config":                                {elsewhere: bootstrapOnly},
	"envoy.config.bootstrap.v3.Bootstrap.DynamicResources.lds_config":                                {elsewhere: bootstrapOnly},
	"envoy.config.bootstrap.v3.Bootstrap.config_sources":                                             {elsewhere: bootstrapOnly},
	"envoy.config.bootstrap.v3.Bootstrap.default_config_source":                                      {elsewhere: bootstrapOnly},
	"envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer.rtds_config":                                   {elsewhere: bootstrapOnly},
}

func rdsName(around *visited) []string {
	rds, _ := around.message.Interface().(*hcmv3.Rds)
	return []string{rds.GetRouteConfigName()}
}

// edsName is the cluster's own name unless it gives another one. A cluster of
// another type does not ask, whatever its eds_cluster_config says.
func edsName(around *visited) []string {
	cluster, ok := around.parent.message.Interface().(*clusterv3.Cluster)
	if !ok || cluster.GetType() != clusterv3.Cluster_EDS || cluster.GetClusterType() != nil {
		return nil
	}
	if name := cluster.GetEdsClusterConfig().GetServiceName(); name != "" {
		return []string{name}
	}
	return []string{cluster.GetName()}
}

func sdsName(around *visited) []string {
	sds, _ := around.message.Interface().(*tlsv3.SdsSecretConfig)
	return []string{sds.GetName()}
}

// prefetchedNames are those that are fetched before a connection needs them. What a
// mapper names besides is taken where the mapper stands.
func prefetchedNames(around *visited) []string {
	config, _ := around.message.Interface().(*ondemandsecretv3.Config)
	return config.GetPrefetchSecretNames()
}

// extensionName is the name of what has the config_discovery. With a default
// configuration at hand, Envoy waits for none.
func extensionName(around *visited) []string {
	extension, _ := around.message.Interface().(*corev3.ExtensionConfigSource)
	if extension.GetDefaultConfig() != nil || around.parent == nil {
		return nil
	}
	name := around.parent.message.Descriptor().Fields().ByName("name")
	if name == nil || name.Kind() != protoreflect.StringKind {
		return nil
	}
	return []string{around.parent.message.Get(name).String()}
}

// scopedNames are the route configurations of the scopes that stand in the
// listener itself.
func scopedNames(around *visited) []string {
	scoped, _ := around.message.Interface().(*hcmv3.ScopedRoutes)
	var names []string
	for _, scope := range scoped.GetScopedRouteConfigurationsList().GetScopedRouteConfigurations() {
		if scope.GetRouteConfiguration() == nil {
			names = append(names, scope.GetRouteConfigurationName())
		}
	}
	return names
}

// locator reports whether a name is an xdstp locator, whose authority decides whom
// an Envoy asks.
func locator(name string) bool { return strings.HasPrefix(name, "xdstp:") }
