package resources

import "google.golang.org/protobuf/reflect/protoreflect"

// role is what a text field has to do with clusters.
type role int

const (
	// notReference is a field that names no cluster that must be there.
	notReference role = iota
	// service is a cluster that a part of Envoy itself calls.
	service
	// routed is a cluster that requests are routed to, which an Envoy may be set up
	// to fetch on demand.
	routed
	// tcp is routed, for connections: other filters may overrule it.
	tcp
)

// clusterField is the role of a field, and why it is no reference if it is none.
type clusterField struct {
	role   role
	reason string
}

const (
	definesItself = "it is the name of what the message defines"
	reported      = "the message reports what an Envoy did, and configures nothing"
	header        = "it names the header that names the cluster"
	pattern       = "requests are matched by it"
)

// clusterFields classifies every text field that has to do with clusters by its
// name or by its message's name; a test fails when one is missing here.
var clusterFields = map[protoreflect.FullName]clusterField{
	"envoy.config.core.v3.ApiConfigSource.cluster_names":                                                        {role: service},
	"envoy.config.core.v3.GrpcService.EnvoyGrpc.cluster_name":                                                   {role: service},
	"envoy.config.core.v3.HttpUri.cluster":                                                                      {role: service},
	"envoy.config.trace.v3.DatadogConfig.collector_cluster":                                                     {role: service},
	"envoy.config.trace.v3.LightstepConfig.collector_cluster":                                                   {role: service},
	"envoy.config.trace.v3.ZipkinConfig.collector_cluster":                                                      {role: service},
	"envoy.extensions.access_loggers.fluentd.v3.FluentdAccessLogConfig.cluster":                                 {role: service},
	"envoy.extensions.tracers.fluentd.v3.FluentdConfig.cluster":                                                 {role: service},
	"envoy.extensions.filters.http.gcp_authn.v3.GcpAuthnFilterConfig.cluster":                                   {role: service},
	"envoy.extensions.filters.http.cache_v2.v3.CacheV2Config.override_upstream_cluster":                         {role: service},
	"envoy.extensions.filters.http.mcp_router.v3.McpRouter.McpCluster.cluster":                                  {role: service},
	"envoy.extensions.clusters.aggregate.v3.ClusterConfig.clusters":                                             {role: service},
	"envoy.extensions.clusters.composite.v3.ClusterConfig.ClusterEntry.name":                                    {role: service},
	"envoy.extensions.clusters.mcp_multicluster.v3.ClusterConfig.McpCluster.cluster":                            {role: service},
	"envoy.data.dns.v3.DnsTable.DnsEndpoint.cluster_name":                                                       {role: service},
	"envoy.data.dns.v3.DnsTable.DnsServiceTarget.cluster_name":                                                  {role: service},
	"envoy.config.route.v3.RouteAction.cluster":                                                                 {role: routed},
	"envoy.config.route.v3.RouteAction.RequestMirrorPolicy.cluster":                                             {role: routed},
	"envoy.config.route.v3.WeightedCluster.ClusterWeight.name":                                                  {role: routed},
	"envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig.default_cluster":                               {role: routed},
	"envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction.cluster":                               {role: routed},
	"envoy.extensions.router.cluster_specifiers.priority_group.v3.ClusterWeight.cluster_name":                   {role: routed},
	"envoy.extensions.filters.network.dubbo_proxy.v3.RouteAction.cluster":                                       {role: routed},
	"envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction.cluster":                              {role: routed},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.cluster":                     {role: routed},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.RequestMirrorPolicy.cluster": {role: routed},
	"envoy.extensions.filters.network.redis_proxy.v3.RedisProxy.PrefixRoutes.Route.ReadCommandPolicy.cluster":   {role: routed},
	"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.cluster":                                      {role: routed},
	"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.RequestMirrorPolicy.cluster":                  {role: routed},
	"envoy.extensions.filters.network.thrift_proxy.v3.WeightedCluster.ClusterWeight.name":                       {role: routed},
	"envoy.extensions.filters.udp.udp_proxy.v3.Route.cluster":                                                   {role: routed},
	"envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig.cluster":                                          {role: routed},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.cluster":                                            {role: tcp},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight.name":                 {role: tcp},

	"envoy.admin.v3.ClusterStatus.name":                                                      {reason: reported},
	"envoy.admin.v3.CommandLineOptions.service_cluster":                                      {reason: reported},
	"envoy.config.bootstrap.v3.ClusterManager.local_cluster_name":                            {reason: bootstrapOnly},
	"envoy.config.metrics.v3.StatsdSink.tcp_cluster_name":                                    {reason: bootstrapOnly},
	"envoy.config.core.v3.Node.cluster":                                                      {reason: bootstrapOnly},
	"envoy.config.cluster.v3.Cluster.name":                                                   {reason: definesItself},
	"envoy.config.cluster.v3.Cluster.CustomClusterType.name":                                 {reason: definesItself},
	"envoy.config.cluster.v3.Cluster.TransportSocketMatch.name":                              {reason: definesItself},
	"envoy.config.cluster.v3.Filter.name":                                                    {reason: definesItself},
	"envoy.config.endpoint.v3.ClusterLoadAssignment.cluster_name":                            {reason: definesItself},
	"envoy.config.route.v3.VirtualCluster.name":                                              {reason: definesItself},
	"envoy.extensions.clusters.mcp_multicluster.v3.ClusterConfig.McpBackend.name":            {reason: definesItself},
	"envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroup.name":        {reason: definesItself},
	"envoy.config.endpoint.v3.ClusterStats.cluster_name":                                     {reason: reported},
	"envoy.config.endpoint.v3.ClusterStats.cluster_service_name":                             {reason: reported},
	"envoy.data.accesslog.v3.AccessLogCommon.upstream_cluster":                               {reason: reported},
	"envoy.data.cluster.v3.OutlierDetectionEvent.cluster_name":                               {reason: reported},
	"envoy.data.core.v3.HealthCheckEvent.cluster_name":                                       {reason: reported},
	"envoy.service.health.v3.ClusterEndpointsHealth.cluster_name":                            {reason: reported},
	"envoy.service.health.v3.ClusterHealthCheck.cluster_name":                                {reason: reported},
	"envoy.service.load_stats.v3.LoadStatsResponse.clusters":                                 {reason: reported},
	"envoy.config.route.v3.RouteAction.RequestMirrorPolicy.cluster_header":                   {reason: header},
	"envoy.config.route.v3.RouteAction.cluster_header":                                       {reason: header},
	"envoy.config.route.v3.WeightedCluster.ClusterWeight.cluster_header":                     {reason: header},
	"envoy.extensions.filters.network.thrift_proxy.v3.RouteAction.cluster_header":            {reason: header},
	"envoy.config.route.v3.RouteAction.cluster_specifier_plugin":                             {reason: "it names a plugin of the same route configuration"},
	"envoy.extensions.clusters.dynamic_modules.v3.ClusterConfig.cluster_name":                {reason: "it names what the module implements"},
	"envoy.extensions.filters.http.fault.v3.HTTPFault.upstream_cluster":                      {reason: pattern},
	"envoy.extensions.filters.network.reverse_tunnel.v3.ReverseTunnel.required_cluster_name": {reason: pattern},
	"envoy.extensions.filters.network.reverse_tunnel.v3.Validation.cluster_id_format":        {reason: pattern},
}
