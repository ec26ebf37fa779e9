package access

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// A thing is a resource as the test knows it.
type thing struct {
	// scope is the group whose folder has it; "" is the top.
	scope string
	// kind is a key of typeURLs.
	kind, name string
	// asks are the secrets that it has an Envoy ask contour for. The oracle believes this
	// list, and contour has to find it in text.
	asks []string
	// text is the resource, as YAML in one line. A secret that stands in a folder of its
	// own has none.
	text string
}

// marker is what is secret of a secret. Nothing else holds it.
func (t thing) marker() string {
	return fmt.Sprintf("sealed-%x", sha256.Sum256([]byte(t.scope+"/"+t.name)))[:40]
}

var typeURLs = map[string]string{
	"secret":    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
	"cluster":   "type.googleapis.com/envoy.config.cluster.v3.Cluster",
	"listener":  "type.googleapis.com/envoy.config.listener.v3.Listener",
	"route":     "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
	"endpoint":  "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
	"extension": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
	"runtime":   "type.googleapis.com/envoy.service.runtime.v3.Runtime",
}

const source = "{resource_api_version: V3, ads: {}}"

func sds(name string) string { return "{name: " + name + ", sds_config: " + source + "}" }

// typed is a message in an Any.
func typed(message, fields string) string {
	return `{"@type": type.googleapis.com/envoy.` + message + ", " + fields + "}"
}

// injector is a filter that holds a secret two Anys deep.
func injector(secret string) string {
	return typed("extensions.filters.http.credential_injector.v3.CredentialInjector", injectorFields(secret))
}

func injectorFields(secret string) string {
	generic := typed("extensions.http.injected_credentials.generic.v3.Generic", "credential: "+sds(secret))
	return "credential: {name: generic, typed_config: " + generic + "}"
}

// secretThing is a secret that stands in a file beside the other resources.
func secretThing(scope, name string) thing {
	s := thing{scope: scope, kind: "secret", name: name}
	s.text = "generic_secret: {secret: {inline_string: " + s.marker() + "}}"
	return s
}

// world is all that there is. What is alike in two groups has their names in its own,
// but for one secret that both have under one name and only the first refers to.
func world() []thing {
	things := []thing{
		{kind: "cluster", name: "c-top", asks: []string{"s-top"}, text: "transport_socket: {name: tls, typed_config: " +
			typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context: {tls_certificate_sds_secret_configs: ["+sds("s-top")+"]}") + "}"},
		{kind: "runtime", name: "rt-top", text: "layer: {some.key: 1}"},
		{kind: "listener", name: "l-top", text: "address: {socket_address: {address: 127.0.0.1, port_value: 0}}"},
		secretThing("", "s-top"), secretThing("", "s-top-loose"),
		secretThing("a", "s-common"), secretThing("b", "s-common"),
	}
	things = append(things, group("a", "s-common")...)
	return append(things, group("b", "")...)
}

// group is what a group has: a secret for each kind of place that can refer to one, a
// secret that nothing refers to, one that something refers to which is no concern of
// contour's, and one that a policy can grant.
func group(g, common string) []thing {
	own := func(what string) string { return "s-" + g + "-" + what }
	downstream := typed("extensions.transport_sockets.tls.v3.DownstreamTlsContext",
		"common_tls_context: {tls_certificate_sds_secret_configs: ["+sds(own("listener"))+"]}")
	wrapped := `{"@type": type.googleapis.com/xds.type.v3.TypedStruct, ` +
		`type_url: type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector, value: {` + injectorFields(own("struct")) + "}}"
	manager := typed("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix: x, rds: {route_config_name: r-"+g+", config_source: "+source+"}, http_filters: ["+
			"{name: one, typed_config: "+injector(own("nested"))+"}, {name: two, typed_config: "+wrapped+"}, "+
			"{name: x-"+g+", config_discovery: {config_source: "+source+", type_urls: [type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2]}}]")
	things := []thing{
		{
			kind: "listener", name: "l-" + g, asks: []string{own("listener"), own("nested"), own("struct")},
			text: "address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{transport_socket: {name: tls, typed_config: " + downstream +
				"}, filters: [{name: http, typed_config: " + manager + "}]}]",
		},
		{
			kind: "route", name: "r-" + g, asks: []string{own("route")},
			text: `virtual_hosts: [{name: all, domains: ["*"], typed_per_filter_config: {one: ` + typed("config.route.v3.FilterConfig", "config: "+injector(own("route"))) + "}}]",
		},
		{kind: "extension", name: "x-" + g, asks: []string{own("token"), own("hmac")}, text: "typed_config: " + oauth2(g, own("token"), own("hmac"))},
		{
			kind: "cluster", name: "c-" + g, asks: []string{own("folder"), own("folder-ca")},
			text: "type: EDS, eds_cluster_config: {eds_config: " + source + "}, transport_socket: {name: tls, typed_config: " +
				typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context: {tls_certificate_sds_secret_configs: ["+sds(own("folder"))+
					"], validation_context_sds_secret_config: "+sds(own("folder-ca"))+"}") + "}",
		},
		// What an Envoy reads from its own disk is no reason to send it anything.
		{kind: "cluster", name: "c-" + g + "-file", text: "transport_socket: {name: tls, typed_config: " +
			typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context: {tls_certificate_sds_secret_configs: [{name: "+own("file")+
				", sds_config: {resource_api_version: V3, path_config_source: {path: /x.yaml}}}]}") + "}"},
		{kind: "endpoint", name: "c-" + g},
		{kind: "secret", name: own("folder")},
		{kind: "secret", name: own("folder-ca")},
	}
	if common != "" {
		things = append(things, thing{kind: "extension", name: "x-" + g + "-common", asks: []string{common}, text: "typed_config: " + injector(common)})
	}
	for _, what := range []string{"listener", "nested", "struct", "route", "token", "hmac", "file", "loose", "granted"} {
		things = append(things, secretThing(g, own(what)))
	}
	for i := range things {
		things[i].scope = g
	}
	return things
}

func oauth2(g, token, hmac string) string {
	return typed("extensions.filters.http.oauth2.v3.OAuth2", `config: {token_endpoint: {cluster: c-`+g+`, uri: "https://x/token", timeout: 1s}, `+
		`authorization_endpoint: "https://x/auth", redirect_uri: "https://x/back", redirect_path_matcher: {path: {exact: /back}}, `+
		`signout_path: {path: {exact: /out}}, credentials: {client_id: x, token_secret: `+sds(token)+`, hmac_secret: `+sds(hmac)+"}}")
}

// nameField is where a type has its name.
func nameField(kind string) string {
	if kind == "endpoint" {
		return "cluster_name"
	}
	return "name"
}

// write writes things into a folder of resources, and returns the markers of all
// secrets, by scope and name.
func write(t *testing.T, dir string, things []thing, keys map[string]*certtest.Pair) map[string]string {
	t.Helper()
	files, markers := map[string]string{}, map[string]string{}
	for _, th := range things {
		path := filepath.Join(dir, "all.yaml")
		if th.scope != "" {
			path = filepath.Join(dir, "groups", th.scope, "all.yaml")
		}
		if th.kind == "secret" {
			markers[th.scope+"/"+th.name] = th.marker()
		}
		if th.kind == "secret" && th.text == "" {
			markers[th.scope+"/"+th.name] = writePart(t, filepath.Dir(path), th.name, keys[th.scope])
			continue
		}
		fields := `"@type": ` + typeURLs[th.kind] + ", " + nameField(th.kind) + ": " + th.name
		if th.text != "" {
			fields += ", " + th.text
		}
		files[path] += "- {" + fields + "}\n"
	}
	for path, text := range files {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		certtest.WriteFile(t, path+".new", []byte("resources:\n"+text))
		must(t, os.Rename(path+".new", path))
	}
	return markers
}

// writePart writes what a folder of a secret has for one of its two names: a pair, or a
// bundle. It returns what is to be found of it.
func writePart(t *testing.T, scope, name string, pair *certtest.Pair) string {
	t.Helper()
	folder, isBundle := strings.CutSuffix(name, "-ca")
	dir := filepath.Join(scope, "secrets", folder)
	must(t, os.MkdirAll(dir, 0o755))
	if isBundle {
		certtest.WriteFile(t, filepath.Join(dir, "ca.crt"), certtest.EncodeCertificates(pair.Chain[len(pair.Chain)-1]))
		return base64Line(certtest.EncodeCertificates(pair.Chain[len(pair.Chain)-1]))
	}
	certtest.WriteFile(t, filepath.Join(dir, "tls.crt"), certtest.EncodeCertificates(pair.Chain[0]))
	certtest.WriteFile(t, filepath.Join(dir, "tls.key"), pair.KeyPEM(t))
	return base64Line(pair.KeyPEM(t))
}

// base64Line is a line of PEM that is no other's: the last whole one.
func base64Line(pem []byte) string {
	lines := strings.Split(strings.TrimSpace(string(pem)), "\n")
	return lines[len(lines)-3]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
