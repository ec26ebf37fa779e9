package resources

import (
	"slices"
	"strings"
	"testing"
)

const mappers = "type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_mappers."

// onDemandListener has its certificates fetched from a source, by a mapper.
func onDemandListener(source, mapper string) string {
	return strings.Replace(tcpListener("{name: t, typed_config: {"+tcpProxyType+"cluster: outside}}"), "  filter_chains: [{", `  filter_chains: [{transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {custom_tls_certificate_selector: {name: s, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.cert_selectors.on_demand_secret.v3.Config, config_source: `+source+`, certificate_mapper: {name: m, typed_config: `+mapper+`}}}}}}, `, 1)
}

func TestSecretsThatAMapperNames(t *testing.T) {
	const (
		secret = "\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: s\n  validation_context: {}\n"
		static = `{"@type": ` + mappers + `static_name.v3.StaticName, name: s}`
		sni    = `{"@type": ` + mappers + `sni.v3.SNI, default_value: s}`
		at     = `a.yaml:5: listener "l": filter_chains[0].transport_socket.typed_config.common_tls_context.custom_tls_certificate_selector.typed_config.`
	)
	for _, c := range []struct{ name, source, mapper, field, by string }{
		{"a static name", "{ads: {}}", static, "name", ""},
		{"the default beside SNI", "{ads: {}}", sni, "default_value", "its SNI"},
		{"the default beside a filter's state", "{ads: {}}", `{"@type": ` + mappers + `filter_state_override.v3.Config, default_value: s}`, "default_value", "its filter state"},
		{"a mapper whose type is written apart", "{ads: {}}", `{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ` + mappers + `sni.v3.SNI, value: {default_value: s}}`, "value.default_value", "its SNI"},
		{"a source that is this server's cluster", "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: contour}}]}}", static, "name", ""},
		{"a source of another server", "{api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: outside}}]}}", sni, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener := onDemandListener(c.source, c.mapper)
			_, got := readYAML(t, resourcesOf(listener), "outside")
			var missing, want []string
			if c.field != "" {
				missing, want = []string{at + "certificate_mapper.typed_config." + c.field + `: asks this server for the Secret "s"` + waits}, []string{"s"}
			}
			wantLines(t, got, missing...)

			all, err := Read(Config{Dir: folderOf(t, map[string]string{"a.yaml": resourcesOf(listener, secret)}), ExternalClusters: []string{"outside"}})
			if err != nil {
				t.Fatal(err)
			}
			if names := all.For("").Resources("type.googleapis.com/envoy.config.listener.v3.Listener")[0].Secrets; !slices.Equal(names, want) {
				t.Errorf("the listener refers to %q, want %q", names, want)
			}
			if n := len(all.For("").Secrets()); n != len(want) || len(all.Unreferred()) != 1-n {
				t.Errorf("%d secrets are referred to, and not %v", n, all.Unreferred())
			}
			warned := all.Warnings()
			if c.by == "" && len(warned) == 0 {
				return
			}
			if c.by == "" || len(warned) != 1 || !strings.Contains(warned[0].Problem, "names by "+c.by+",") {
				t.Errorf("warned of %v", warned)
			}
		})
	}
	_, got := readYAML(t, resourcesOf(onDemandListener("{self: {}}", static), secret), "outside")
	wantLines(t, got, at+`config_source: is "self: {}", which Envoy does not know inside of a resource: write "ads: {}"`)
}
