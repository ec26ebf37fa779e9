package resources

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestEveryPackageOfMessagesIsLinked fails after the modules in go.mod were
// updated, until "go generate" was run.
func TestEveryPackageOfMessagesIsLinked(t *testing.T) {
	have, err := os.ReadFile("types_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "./gentypes", dir+"/types_gen.go")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(dir + "/types_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("types_gen.go is not what go.mod asks for: run \"go generate ./internal/resources\"\n%s", cmp.Diff(string(have), string(want)))
	}
	if n := strings.Count(string(want), "\n\t_ "); n < 400 {
		t.Errorf("only %d packages are listed", n)
	}
}

func TestServedTypes(t *testing.T) {
	want := map[string]string{
		"type.googleapis.com/envoy.config.listener.v3.Listener":                "listener",
		"type.googleapis.com/envoy.config.route.v3.RouteConfiguration":         "route",
		"type.googleapis.com/envoy.config.cluster.v3.Cluster":                  "cluster",
		"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment":   "endpoint",
		"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret": "secret",
		"type.googleapis.com/envoy.service.runtime.v3.Runtime":                 "runtime",
		"type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig":        "extension_config",
	}
	got := map[string]string{}
	for _, typ := range Types() {
		got[typ.URL] = typ.Label
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKnownTypes(t *testing.T) {
	for _, c := range []struct {
		name, url string
		known     bool
	}{
		{"Envoy's own", "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua", true},
		{"xDS's own", "type.googleapis.com/xds.type.matcher.v3.Matcher", true},
		{"udpa's own", "type.googleapis.com/udpa.type.v1.TypedStruct", true},
		{"protobuf's own", "type.googleapis.com/google.protobuf.Struct", true},
		{"contrib's", "type.googleapis.com/envoy.extensions.filters.network.postgres_proxy.v3alpha.PostgresProxy", false},
		{"the v2 API's", "type.googleapis.com/envoy.api.v2.Listener", false},
		{"nobody's", "type.googleapis.com/nobody.Knows", false},
	} {
		if _, err := known.FindMessageByURL(c.url); (err == nil) != c.known {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestOnlyTheOldAPIIsFrozen(t *testing.T) {
	frozenOnes := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		name := string(mt.Descriptor().FullName())
		if !frozen(mt.Descriptor()) {
			return true
		}
		frozenOnes++
		if !strings.HasPrefix(name, "envoy.") || strings.Contains(name, ".v3.") {
			t.Errorf("%s counts as frozen", name)
		}
		return true
	})
	if frozenOnes < 500 {
		t.Errorf("only %d messages are frozen: are they marked otherwise now?", frozenOnes)
	}
}

func TestWhatMayBeShown(t *testing.T) {
	for _, c := range []struct {
		name string
		show func(string) bool
		yes  []string
		no   []string
	}{
		{
			"names", showableName,
			[]string{"api", "outbound|80||api.default.svc.cluster.local", "a/b c", "dé", strings.Repeat("z", maxNameBytes), "api-0a1b2c3d4e5f", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "A-rather_Long-name-2-of_Words-in-both-Cases"[:39], "[2001:db8:85a3::8a2e:370:7334]:443"},
			[]string{"a\nb", "\x1b[31m", strings.Repeat("a", maxNameBytes+1), "-----BEGIN", "MIGHAgEAMBMGByqGSM49AgEG", "\xff", "sha256:0123456789abcdef0123456789abcdef", "04:A1:b2:c3:d4:e5:f6:07:18:29:3a", "C-Zx_Ab1-Qr-Tu_Vw9-Ke-Lm_No2-Pq-Rs_Tu3-Vw"},
		},
		{
			"keys of maps", showableKey,
			[]string{"envoy.filters.http.rbac", "x-my-header", "a_1"},
			[]string{"0123", "a123456789abcdef0123456789abcdef", "", "A", "a b", "1a", strings.Repeat("a", maxFieldBytes+1), "aB"},
		},
		{
			"fields", showableField,
			[]string{"connect_timeout", "x"},
			[]string{"", "connectTimeout", "a1", "_a", "a__b", strings.Repeat("a", maxFieldBytes+1)},
		},
		{
			"types", showableType,
			[]string{"envoy.config.cluster.v3.Cluster", "a.B.C", "google.protobuf.Any"},
			[]string{"", "Cluster", "envoy.cluster", "Envoy.Cluster", "a..B", "a.B C", "a.M" + strings.Repeat("b", maxTypeBytes), "a.MIGHAgEAMBMGByqGSM49AgEG"},
		},
	} {
		for _, s := range c.yes {
			if !c.show(s) {
				t.Errorf("%s: %q is held back", c.name, s)
			}
		}
		for _, s := range c.no {
			if c.show(s) {
				t.Errorf("%s: %q is shown", c.name, s)
			}
		}
	}
}
