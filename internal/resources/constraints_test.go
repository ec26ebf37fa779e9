package resources

import (
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func TestConstraintsThatAreViolated(t *testing.T) {
	const at = `cluster "x": `
	inAny := func(fields string) string {
		return `typed_extension_protocol_options: {envoy.x: {"@type": type.googleapis.com/` + fields + `}}`
	}
	const inside = at + `typed_extension_protocol_options["envoy.x"]`
	for _, c := range []struct{ name, fields, want string }{
		{"a duration that must be more", "connect_timeout: 0s", at + "connect_timeout: value must be greater than 0s"},
		{"a list that must not be empty", "lb_subset_config: {subset_selectors: [{keys: [a]}, {}], locality_weight_aware: true}\nhealth_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1}]", at + "health_checks[0]: needs one of custom_health_check, grpc_health_check, http_health_check, tcp_health_check"},
		{"a field that must be there", "load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {port_value: 1}}}}]}]}", at + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: value length must be at least 1 runes"},
		{"a number out of its range", "load_assignment: {cluster_name: x, endpoints: [{priority: 129}]}", at + "load_assignment.endpoints[0].priority: value must be less than or equal to 128"},
		{"inside of an Any", inAny("envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {hpack_table_size: 1, max_concurrent_streams: 0}}"), inside + ".explicit_http_config.http2_protocol_options.max_concurrent_streams: value must be inside range [1, 2147483647]"},
		{"one of a group inside of an Any", inAny("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"), inside + ": needs one of auto_config, explicit_http_config, use_downstream_protocol_config"},
		{"inside of an Any within an Any", inAny(`envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}, http_filters: [{name: a, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer}}]`), inside + ".http_filters[0].typed_config.max_request_bytes: value is required and must not be nil."},
		{"inside of a TypedStruct", inAny("xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, value: {max_request_bytes: 0}"), inside + ".value.max_request_bytes: value must be greater than 0"},
		{"a mistake inside of a TypedStruct", inAny("udpa.type.v1.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, value: {max_request_bytes: many}"), inside + ".value.max_request_bytes: expects a whole number from 0 to 4294967295"},
		{"a key of a map that may be anything", `typed_extension_protocol_options: {"Some Key": {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions}}`, at + "typed_extension_protocol_options[…]: needs one of auto_config, explicit_http_config, use_downstream_protocol_config"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := readYAML(t, clusterWith(c.fields))
			line := []string{"4", "5"}[strings.Count(strings.TrimSpace(c.fields), "\n")]
			wantLines(t, got, "a.yaml:"+line+": "+c.want)
		})
	}
}

func TestTypedStructsThatAreRead(t *testing.T) {
	for _, c := range []struct{ name, fields string }{
		{"of a known type", "xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, value: {max_request_bytes: 5}"},
		{"with an enum in lower case", "xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.config.core.v3.SocketAddress, value: {address: a, port_value: 1, protocol: udp}"},
		{"of a type that only some module knows", "xds.type.v3.TypedStruct, type_url: type.googleapis.com/some.module.Config, value: {a: b}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := readYAML(t, clusterWith(`typed_extension_protocol_options: {envoy.x: {"@type": type.googleapis.com/`+c.fields+`}}`)); got != "" {
				t.Error(got)
			}
		})
	}
}

// TestReasonsAreFixedTexts holds what errors rely on: that a reason of the
// generated code stands in it as a constant. A message of each type is asked, empty
// as it is, and all reasons must be made of words that no value could be.
func TestReasonsAreFixedTexts(t *testing.T) {
	words := regexp.MustCompile(`^(value|embedded|oneof|repeated)\b`)
	var all func(err error)
	asked := 0
	all = func(err error) {
		switch e := err.(type) {
		case violations:
			for _, one := range e.AllErrors() {
				all(one)
			}
		case violation:
			asked++
			if !words.MatchString(e.Reason()) {
				t.Errorf("%T: reason %q", err, e.Reason())
			}
			if e.Cause() != nil && e.Reason() == embedded {
				all(e.Cause())
			}
		default:
			t.Errorf("%T is no violation", err)
		}
	}
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if v, ok := mt.New().Interface().(interface{ ValidateAll() error }); ok {
			if err := v.ValidateAll(); err != nil {
				all(err)
			}
		}
		return true
	})
	if asked < 500 {
		t.Errorf("only %d violations found: is the generated code what it was?", asked)
	}
}

// TestGoNamesLeadToFields holds that each name that the generated code uses is
// found among the message's fields again.
func TestGoNamesLeadToFields(t *testing.T) {
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		v, ok := mt.New().Interface().(interface{ ValidateAll() error })
		if !ok || frozen(mt.Descriptor()) {
			return true
		}
		multi, ok := v.ValidateAll().(violations)
		if !ok {
			return true
		}
		for _, err := range multi.AllErrors() {
			name, _ := cutIndex(err.(violation).Field())
			if fieldByGoName(mt.Descriptor(), name) == nil && oneofByGoName(mt.Descriptor(), name) == nil {
				t.Errorf("%s: no field for %q", mt.Descriptor().FullName(), name)
			}
		}
		return true
	})
}
