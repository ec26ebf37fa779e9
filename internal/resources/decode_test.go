package resources

import (
	"strings"
	"testing"
)

// indent puts text deeper, behind what a resource begins with.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

func clusterWith(fields string) string {
	return "resources:\n- \"@type\": " + clusterURL + "\n  name: x\n" + indent(fields)
}

func TestFieldsThatAreRefused(t *testing.T) {
	const at = `cluster "x": `
	for _, c := range []struct{ name, fields, want string }{
		{"a duration without a unit", "connect_timeout: 5", at + `connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`},
		{"a duration in minutes", "connect_timeout: 5m", at + `connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`},
		{"a slip of the pen", "conect_timeout: 5s", at + `has an unknown field: did you mean "connect_timeout"? (a field of envoy.config.cluster.v3.Cluster)`},
		{"a slip in the other name", "conectTimeout: 5s", at + `has an unknown field: did you mean "connect_timeout"? (a field of envoy.config.cluster.v3.Cluster)`},
		{"a field of something else", "virtual_hosts: []", at + `has a key "virtual_hosts" that is no field of envoy.config.cluster.v3.Cluster`},
		{"a field that can't be a name", "AbC: []", at + "has a key (not shown) that is no field of envoy.config.cluster.v3.Cluster"},
		{"a value that the enum has not", "type: STATICK", at + "type: expects one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST"},
		{"a text where a number is due", "per_connection_buffer_limit_bytes: word", at + "per_connection_buffer_limit_bytes: expects a whole number from 0 to 4294967295"},
		{"a negative number", "per_connection_buffer_limit_bytes: -1", at + "per_connection_buffer_limit_bytes: expects a whole number from 0 to 4294967295"},
		{"a boolean where a text is due", "alt_stat_name: on", at + "alt_stat_name: expects a text: put it in quotes, since YAML reads it as true or false without"},
		{"a number where a text is due", "alt_stat_name: 5", at + "alt_stat_name: expects a text: put it in quotes, since YAML reads it as a number without"},
		{"a text where a boolean is due", `ignore_health_on_host_removal: maybe`, at + "ignore_health_on_host_removal: expects true or false"},
		{"a duration with a part that it has not", "connect_timeout: {minutes: 5}", at + `connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`},
		{"a duration of zeros alone", `connect_timeout: "000"`, at + `connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`},
		{"a duration that is too long", "connect_timeout: {seconds: 999999999999999}", at + `connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`},
		{"a number in the wrong part", "per_connection_buffer_limit_bytes: {valeu: 5}", at + "per_connection_buffer_limit_bytes: expects a whole number from 0 to 4294967295"},
		{"an @type without a host", `typed_extension_protocol_options: {x: {"@type": envoy.extensions.filters.http.router.v3.Router}}`, at + `typed_extension_protocol_options["x"]: has an @type without a host: write "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`},
		{"a mapping where a text is due", "alt_stat_name: {a: b}", at + "alt_stat_name: expects a text"},
		{"a text where a list is due", "health_checks: word", at + "health_checks: expects a list"},
		{"a text where a mapping is due", "typed_extension_protocol_options: word", at + "typed_extension_protocol_options: expects a mapping"},
		{"a text where a message is due", "load_assignment: word", at + "load_assignment: expects the fields of envoy.config.endpoint.v3.ClusterLoadAssignment"},
		{"null in a list", "health_checks: [~]", at + "health_checks[0]: expects the fields of envoy.config.core.v3.HealthCheck"},
		{"null in a list of texts", "upstream_config: ~\nlb_subset_config: {subset_selectors: [{keys: [~]}]}", at + "lb_subset_config.subset_selectors[0].keys[0]: expects a text"},
		{"two of which one may be given", "type: STATIC\ncluster_type: {name: x}", at + "cluster_type: can't stand beside another one of cluster_type, type: only one of them may be given"},
		{"a field by both its names", "connect_timeout: 1s\nconnectTimeout: 1s", at + "connect_timeout: is given twice, once in each way to write its name"},
		{"an Any without a type", "typed_extension_protocol_options: {envoy.x: {a: b}}", at + `typed_extension_protocol_options["envoy.x"]: lacks an @type, such as "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`},
		{"an Any that is a text", "typed_extension_protocol_options: {envoy.x: word}", at + `typed_extension_protocol_options["envoy.x"]: expects a message with its @type`},
		{"an Any of an unknown type", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.filters.http.golang.v3alpha.Config}}`, at + `typed_extension_protocol_options["x"]: has the unknown type envoy.extensions.filters.http.golang.v3alpha.Config: this server knows the types of Envoy itself and of cncf/xds, not those of Envoy's contrib extensions`},
		{"an Any whose type has a slip of the pen", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.filters.http.ruoter.v3.Router}}`, at + `typed_extension_protocol_options["x"]: has the unknown type envoy.extensions.filters.http.ruoter.v3.Router: did you mean "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"?`},
		{"an Any of the v2 API", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.config.filter.http.router.v2.Router}}`, at + `typed_extension_protocol_options["x"]: has the type envoy.config.filter.http.router.v2.Router of the v2 API, which Envoy no longer reads: use its v3 successor`},
		{"an @type that is no name", `typed_extension_protocol_options: {x: {"@type": some text}}`, at + `typed_extension_protocol_options["x"]: has an @type that names no message: it reads like "type.googleapis.com/envoy.config.cluster.v3.Cluster"`},
		{"an Any of a plain value", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/google.protobuf.Duration, value: 5}}`, at + `typed_extension_protocol_options["x"]: expects, beside the @type, "value:" with a duration such as "5s" or "0.25s", in seconds`},
		{"a mistake inside of an Any", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {max_concurrent_streams: many}}}}`, at + `typed_extension_protocol_options["x"].explicit_http_config.http2_protocol_options.max_concurrent_streams: expects a whole number from 0 to 4294967295`},
		{"a map's key that may be anything", `typed_extension_protocol_options: {"Some Key": {a: b}}`, at + `typed_extension_protocol_options[…]: lacks an @type, such as "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"`},
		{"an enum with many values", "health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /, method: GOT}}]", at + "health_checks[0].http_health_check.method: expects one of METHOD_UNSPECIFIED, GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH"},
		{"an enum with too many values", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.type.v3.HttpStatus, code: Fine}}`, at + `typed_extension_protocol_options["x"].code: expects a value of envoy.type.v3.StatusCode`},
		{"a number where an optional text is due", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.filters.http.cdn_loop.v3.CdnLoopConfig, cdn_id: 5}}`, at + `typed_extension_protocol_options["x"].cdn_id: expects a text: put it in quotes, since YAML reads it as a number without`},
		{"a text where an optional boolean is due", `wait_for_warm_on_init: "maybe"`, at + "wait_for_warm_on_init: expects true or false"},
		{"a key that is no number", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/cel.expr.SourceInfo, positions: {first: 1}}}`, at + `typed_extension_protocol_options["x"].positions["first"]: has a key that is not an integer of 64 bits`},
		{"null in a map", `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/cel.expr.SourceInfo, positions: {"1": ~}}}`, at + `typed_extension_protocol_options["x"].positions[…]: expects an integer of 32 bits`},
		{"a struct that is a list", "metadata: {filter_metadata: {x: []}}", at + `metadata.filter_metadata["x"]: expects a mapping`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readYAML(t, clusterWith(c.fields))
			lines := strings.Count(strings.TrimSpace(c.fields), "\n")
			line := []string{"4", "5"}[lines]
			wantLines(t, got, "a.yaml:"+line+": "+c.want)
		})
	}
}

func TestResourcesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"no type", "resources:\n- name: x\n", `a.yaml:2: has a resource without an @type, such as "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster`},
		{"a type that is not served", "resources:\n- \"@type\": type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration\n  name: x\n", "a.yaml:2: has a resource of type envoy.config.route.v3.ScopedRouteConfiguration, which this server does not serve: put the scopes into the listener, as scoped_route_configurations_list"},
		{"a type that nobody serves", "resources:\n- \"@type\": type.googleapis.com/envoy.config.core.v3.Address\n", "a.yaml:2: has a resource of type envoy.config.core.v3.Address, which this server does not serve"},
		{"a type with a slip of the pen", "resources:\n- \"@type\": type.googleapis.com/envoy.config.clusters.v3.Cluster\n", `a.yaml:2: has the unknown type envoy.config.clusters.v3.Cluster: did you mean "type.googleapis.com/envoy.config.cluster.v3.Cluster"?`},
		{"a type of nobody's", "resources:\n- \"@type\": type.googleapis.com/example.v1.Thing\n", "a.yaml:2: has the unknown type example.v1.Thing: this server knows the types of Envoy itself and of cncf/xds, not those of Envoy's contrib extensions"},
		{"a type of the v2 API", "resources:\n- \"@type\": type.googleapis.com/envoy.api.v2.Cluster\n", "a.yaml:2: has the type envoy.api.v2.Cluster of the v2 API, which Envoy no longer reads: use its v3 successor"},
		{"no name", "resources:\n- \"@type\": " + clusterURL + "\n  type: STATIC\n", "a.yaml:2: cluster: name: is missing: an Envoy asks for a resource by its name"},
		{"an empty name", "resources:\n- \"@type\": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n  cluster_name: \"\"\n", "a.yaml:2: endpoint: cluster_name: is missing: an Envoy asks for a resource by its name"},
		{"two of one name", resourcesOf(cluster("x"), cluster("z"), cluster("x")), `a.yaml:12: cluster "x": is defined twice: the other one stands at a.yaml:2`},
		{"a wrapper with another name", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  name: z\n  resource: {\"@type\": " + clusterURL + ", name: x, type: STATIC}\n", `a.yaml:3: cluster "x": is wrapped under another name than its own: the name beside "resource:" must be the resource's`},
		{"a wrapper whose name is no text", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  name: y\n", "a.yaml:3: wraps a resource under a name that is no text: put it in quotes, since YAML reads it as true or false without"},
		{"a wrapper around nothing", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  name: z\n", "a.yaml:2: has a wrapper of type envoy.service.discovery.v3.Resource without a resource in it"},
		{"a wrapper with a time to live", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  ttl: 1s\n", "a.yaml:3: wraps a resource with more than its name, version and resource, which this server does not serve"},
		{"a name on two lines", "resources:\n- \"@type\": " + clusterURL + "\n  name: \"a\\nb\"\n  type: WRONG\n", "a.yaml:4: cluster (name not shown): type: expects one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readYAML(t, c.content)
			got = strings.ReplaceAll(got, tempPath(got), "")
			wantLines(t, got, c.want)
		})
	}
}

// tempPath returns the folder's path in a problem that names a second file.
func tempPath(problem string) string {
	_, after, ok := strings.Cut(problem, "stands at ")
	if !ok {
		return "\x00"
	}
	return after[:strings.LastIndexByte(after, '/')+1]
}

func TestTwoFilesWithOneName(t *testing.T) {
	_, got := readFolder(t, map[string]string{"a.yaml": resourcesOf(cluster("x")), "b.yaml": resourcesOf(cluster("x"))})
	wantLines(t, got, `b.yaml:2: cluster "x": is defined twice: the other one stands at a.yaml:2`)
}

func TestAllFindingsAreReportedInOrder(t *testing.T) {
	_, got := readFolder(t, map[string]string{
		"b.json": "{\"resources\": [\n{\"@type\": \"" + clusterURL + "\",\n\"name\": \"j\",\n\"type\": 99.5}]}",
		"a.yaml": resourcesOf(strings.Replace(cluster("x"), "1s", "1", 1), strings.Replace(cluster("z"), "STATIC", "X", 1)),
		"c.yaml": "",
	})
	wantLines(t, got,
		`a.yaml:4: cluster "x": connect_timeout: expects a duration such as "5s" or "0.25s", in seconds`,
		`a.yaml:10: cluster "z": type: expects one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST`,
		`b.json:4: cluster "j": type: expects one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST`,
		`c.yaml:1: is empty, as if cut off while it was written: for a file without resources write "resources: []"`)
}

func TestFindingsOfAllKindsAreInOrder(t *testing.T) {
	_, got := readYAML(t, resourcesOf(routeAway, strings.Replace(cluster("x"), "1s", "0s", 1)))
	wantLines(t, got,
		`a.yaml:4: route "r": virtual_hosts[0].routes[0].route.cluster: names the cluster "away"`+remedy,
		`a.yaml:8: cluster "x": connect_timeout: value must be greater than 0s`)
}

func TestManyFindingsAreCutShort(t *testing.T) {
	var items []string
	for i := range 25 {
		items = append(items, strings.Replace(cluster("x"+string(rune('a'+i))), "1s", "1", 1))
	}
	dir := folderOf(t, map[string]string{"a.yaml": resourcesOf(items...)})
	_, err := Read(Config{Dir: dir})
	if got := findings(t, err); len(got) != 25 {
		t.Errorf("got %d findings, want 25", len(got))
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[20] != "and 5 more" {
		t.Errorf("got %d lines, the last one %q", len(lines), lines[len(lines)-1])
	}
}

func TestFindingsAreBounded(t *testing.T) {
	many := func(item, separator string, n int) string {
		return strings.TrimSuffix(strings.Repeat(item+separator, n), separator)
	}
	for _, c := range []struct{ name, file, content string }{
		{"resources that are none", "a.json", `{"resources": [` + many("[]", ",\n", 3000) + "]}"},
		{"fields of the wrong kind", "a.yaml", clusterWith("health_checks: [" + many("x", ", ", 3000) + "]")},
		{"violated constraints", "a.yaml", clusterWith("load_assignment: {cluster_name: x, endpoints: [" + many("{priority: 129}", ", ", 3000) + "]}")},
		{"references to nothing", "a.yaml", resourcesOf(strings.Replace(routeAway, "[{match: {prefix: /}, route: {cluster: away}}]", "["+many("{match: {prefix: /}, route: {cluster: away}}", ", ", 3000)+"]", 1))},
		{"sources that can't work", "a.yaml", resourcesOf(many(clusterOf("x", `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {validation_context_sds_secret_config: {name: s, sds_config: {self: {}}}}}}`), "", 1500))},
		{"resources of one name", "a.yaml", resourcesOf(many(cluster("x"), "", 3000))},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newFileUnit(c.file, []byte(c.content), nil)
			s := &scope{units: []*unit{u}, complete: true}
			s.define()
			s.check(nil)
			for _, n := range []int{len(u.found), len(s.found)} {
				if n > 2*maxFound {
					t.Errorf("a step went on to %d findings", n)
				}
			}
			_, err := Read(Config{Dir: folderOf(t, map[string]string{c.file: c.content})})
			if got := len(findings(t, err)); got != maxFound {
				t.Errorf("got %d findings, want %d", got, maxFound)
			}
			if !strings.HasSuffix(err.Error(), "\nand at least 980 more") {
				t.Error("the error does not say that there can be more")
			}
		})
	}
}

func TestPathsThatCouldBreakALineAreQuoted(t *testing.T) {
	f := Finding{File: "a\nb.yaml", Problem: "is empty"}
	if got := f.String(); got != `"a\nb.yaml": is empty` {
		t.Error(got)
	}
}
