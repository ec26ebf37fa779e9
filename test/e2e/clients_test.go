package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	testresource "github.com/envoyproxy/go-control-plane/pkg/test/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/test/envoy"
)

// made is a configuration that others made to test a control plane with.
type made struct {
	// protocol is the variant by contour's name, and mode by theirs.
	protocol, mode string
	// tls is whether all listeners take their certificates and CAs over SDS.
	tls bool
}

// TestEnvoyRunsWhatOthersMadeForTests serves go-control-plane's own test
// configurations, each of which is replaced once. Those without TLS have their turn
// in the long test.
func TestEnvoyRunsWhatOthersMadeForTests(t *testing.T) {
	t.Parallel()
	runsWhatOthersMade(t, envoy.Version, true)
}

func runsWhatOthersMade(t *testing.T, version string, tls bool) {
	for _, m := range []made{
		{"delta-ads", testresource.DeltaAds, tls},
		{"ads", testresource.Ads, tls},
		{"delta", testresource.Delta, tls},
		{"sotw", testresource.Xds, tls},
	} {
		t.Run(m.protocol, func(t *testing.T) {
			t.Parallel()
			m.isRun(t, version)
		})
	}
}

func (m made) isRun(t *testing.T, version string) {
	t.Helper()
	f := newFixture(t)
	upstream := newUpstream(t)
	m.write(f, "first", upstream)
	c := f.serve(drainsQuickly...)
	bootstrap := f.bootstrap(c, f.client, "--xds-protocol", m.protocol, "--rtds-layer", "runtime-0")
	e := envoy.Start(t, bootstrap, envoy.Options{Version: version, Args: drainQuickly})
	wantRunning(t, e, f.resources)
	m.write(f, "second", upstream)
	wantRunning(t, e, f.resources)
	if runtime, err := e.Get("/runtime"); err != nil || !containsAll(string(runtime), "field-1", "foobar") {
		t.Errorf("the runtime layer did not arrive: %v, %s", err, runtime)
	}
	for _, kind := range resources.Types() {
		c.wantMetric(0, "contour_xds_nacks_total", "type", kind.Label)
	}
}

// write makes the folder hold one file with an edition of the configuration. The
// names of clusters and route configurations are part of the edition.
func (m made) write(f *fixture, edition, upstream string) {
	f.t.Helper()
	var port uint32
	if _, err := fmt.Sscanf(upstream, "127.0.0.1:%d", &port); err != nil {
		f.t.Fatal(err)
	}
	snapshot := (&testresource.TestSnapshot{
		Xds: m.mode, Version: edition, UpstreamPort: port, BasePort: 9000, TLS: m.tls,
		NumClusters: 4, NumHTTPListeners: 3, NumTCPListeners: 2, NumRuntimes: 1,
	}).Generate()
	var all []string
	for _, kind := range resources.Types() {
		for _, r := range snapshot.GetResources(kind.URL) {
			all = append(all, asItem(f.t, r))
		}
	}
	all = append(all, asItem(f.t, testresource.MakeEndpoint(testresource.AlsCluster, port)),
		asItem(f.t, testresource.MakeCluster(m.mode, testresource.AlsCluster)))
	text := `{"resources":[` + strings.Join(all, ",") + "]}"
	f.write("made.json", strings.ReplaceAll(text, `"`+testresource.XdsCluster+`"`, `"`+resources.ServerCluster+`"`))
}

// asItem is a resource as an item of a file. Listeners are given ports that are
// free.
func asItem(t *testing.T, r proto.Message) string {
	t.Helper()
	if l, ok := r.(*listenerv3.Listener); ok {
		l.GetAddress().GetSocketAddress().PortSpecifier = &corev3.SocketAddress_PortValue{}
	}
	packed, err := anypb.New(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(packed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
