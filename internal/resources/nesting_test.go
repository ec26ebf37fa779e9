package resources

import (
	"strings"
	"testing"
)

// TestNestingEndsWhereEnvoysDoes has at each place the deepest mapping that Envoy 1.40
// took over xDS, and one more, of which it said "Unable to unpack".
func TestNestingEndsWhereEnvoysDoes(t *testing.T) {
	const taken = 32
	metadata := func(levels int) string {
		return "metadata: {filter_metadata: {a: " + strings.Repeat("{a: ", levels) + "1" + strings.Repeat("}", levels) + "}}"
	}
	const why = "nests more than 100 messages deep, which Envoy can't read; each level of a metadata's mapping counts as three"
	for _, c := range []struct {
		name string
		file func(levels int) string
		want string
	}{
		{"a resource", func(n int) string { return clusterWith(metadata(n)) }, `a.yaml:4: cluster "x": metadata.filter_metadata["a"]: ` + why},
		{"an Any, where the count begins anew", func(n int) string {
			return resourcesOf(listener("l", `route_config: {virtual_hosts: [{name: v, domains: ["*"], `+metadata(n)+"}]}"))
		}, "a.yaml:11: " + inManager + `route_config.virtual_hosts[0].metadata.filter_metadata["a"]: ` + why},
		{"a TypedStruct", func(n int) string {
			return clusterWith(`typed_extension_protocol_options: {x: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/some.module.Config, value: ` + strings.Repeat("{a: ", n+1) + "1" + strings.Repeat("}", n+1) + "}}")
		}, `a.yaml:4: cluster "x": typed_extension_protocol_options["x"].value: ` + why},
		{"lists and mappings together", func(n int) string {
			return clusterWith("metadata: {filter_metadata: {a: {b: " + strings.Repeat("[", n*3/2) + "1" + strings.Repeat("]", n*3/2) + "}}}")
		}, `a.yaml:4: cluster "x": metadata.filter_metadata["a"]: ` + why},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := readYAML(t, c.file(taken-1)); got != "" {
				t.Errorf("%d levels: %s", taken-1, got)
			}
			_, got := readYAML(t, c.file(taken+1))
			wantLines(t, got, c.want)
		})
	}
	for _, levels := range []int{taken, taken + 1} {
		if _, got := readYAML(t, clusterWith(metadata(levels))); (got == "") != (levels == taken) {
			t.Errorf("%d levels: got %q", levels, got)
		}
	}
}
