package e2e

import (
	"fmt"
	"testing"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/contour-xds/contour/test/envoy"
)

// protocol is a variant of xDS, and what it must look like from both ends.
type protocol struct {
	name string
	// source is how resources refer to others.
	source string
	// api is the kind of API that Envoy must say it uses.
	api corev3.ApiConfigSource_ApiType
	// aggregated is whether listeners and clusters come over ADS.
	aggregated bool
	// streams are what the server must count, by service, in variant.
	variant string
	streams map[string]float64
}

var protocols = []protocol{
	{
		"delta-ads", overADS, corev3.ApiConfigSource_DELTA_GRPC, true, "delta",
		map[string]float64{"ads": 1, "lds": 0, "cds": 0, "rds": 0, "eds": 0, "sds": 0, "ecds": 0, "rtds": 0},
	},
	{
		"ads", overADS, corev3.ApiConfigSource_GRPC, true, "sotw",
		map[string]float64{"ads": 1, "lds": 0, "cds": 0, "rds": 0, "eds": 0, "sds": 0, "ecds": 0, "rtds": 0},
	},
	{
		"delta", ownDelta, corev3.ApiConfigSource_DELTA_GRPC, false, "delta",
		map[string]float64{"lds": 1, "cds": 1, "rds": 1, "eds": 1, "sds": 1, "ecds": 1, "rtds": 1},
	},
	{
		"sotw", ownSotW, corev3.ApiConfigSource_GRPC, false, "sotw",
		map[string]float64{"lds": 1, "cds": 1, "rds": 1, "eds": 1, "sds": 1, "ecds": 1, "rtds": 1},
	},
	{ // one folder of resources that say ads works over single streams, too
		"delta", overADS, corev3.ApiConfigSource_DELTA_GRPC, false, "delta",
		map[string]float64{"ads": 1, "lds": 1, "cds": 1, "rds": 0, "eds": 0, "sds": 0, "ecds": 0, "rtds": 1},
	},
	{
		"sotw", overADS, corev3.ApiConfigSource_GRPC, false, "sotw",
		map[string]float64{"ads": 1, "lds": 1, "cds": 1, "rds": 0, "eds": 0, "sds": 0, "ecds": 0, "rtds": 1},
	},
}

func (p protocol) title() string {
	if p.source == overADS {
		return p.name + ", resources over ADS"
	}
	return p.name + ", resources over streams of their own"
}

func TestEnvoyIsServedInEveryProtocol(t *testing.T) { servedInEveryProtocol(t, envoy.Version) }

func servedInEveryProtocol(t *testing.T, version string) {
	for _, p := range protocols {
		t.Run(p.title(), func(t *testing.T) {
			f := newFixture(t)
			f.writeAll(p.source, newUpstream(t))
			c := f.serve()
			bootstrap := f.bootstrap(c, f.client, "--xds-protocol", p.name, "--rtds-layer", "fleet")
			e := envoy.Start(t, bootstrap, envoy.Options{Version: version})
			e.WaitReady(deadline)

			f.wantAnswer(e, "http", "/", "hello")
			f.wantAnswer(e, "http", "/upstream", "upstream")
			f.wantAnswer(e, "https", "/", "hello")
			p.wantDump(t, e)
			for service, n := range p.streams {
				c.wantMetric(n, "contour_xds_streams", "service", service, "protocol", p.variant)
			}
			c.wantConnections(1)

			f.writeRoute("changed")
			f.wantAnswer(e, "http", "/", "changed")
			f.wantAnswer(e, "https", "/", "changed")
			for _, label := range []string{"listener", "cluster", "route", "endpoint", "secret", "runtime", "extension_config"} {
				if acks, err := c.metric("contour_xds_acks_total", "type", label); err != nil || acks == 0 {
					t.Errorf("%s was never accepted: %v, %v", label, acks, err)
				}
				c.wantMetric(0, "contour_xds_nacks_total", "type", label)
			}
		})
	}
}

// wantDump holds Envoy's own word to the protocol: what it was told to use, and
// that what it runs came from there, at a version.
func (p protocol) wantDump(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	dump, err := e.ConfigDump()
	if err != nil {
		t.Fatal(err)
	}
	var sawBootstrap, sawClusters, sawListeners bool
	for _, section := range dump.GetConfigs() {
		message, err := section.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		switch m := message.(type) {
		case *adminv3.BootstrapConfigDump:
			sawBootstrap = true
			dynamic := m.GetBootstrap().GetDynamicResources()
			p.wantSource(t, "cds_config", dynamic.GetCdsConfig())
			p.wantSource(t, "lds_config", dynamic.GetLdsConfig())
			if got := dynamic.GetAdsConfig().GetApiType(); got != p.api {
				t.Errorf("ads_config has %v, want %v", got, p.api)
			}
		case *adminv3.ClustersConfigDump:
			sawClusters = len(m.GetDynamicActiveClusters()) == 1 && m.GetDynamicActiveClusters()[0].GetVersionInfo() != ""
		case *adminv3.ListenersConfigDump:
			sawListeners = len(m.GetDynamicListeners()) == 2 && m.GetDynamicListeners()[0].GetActiveState().GetVersionInfo() != ""
		}
	}
	if !sawBootstrap || !sawClusters || !sawListeners {
		t.Errorf("bootstrap %v, clusters %v, listeners %v in Envoy's dump", sawBootstrap, sawClusters, sawListeners)
	}
	if runtime, err := e.Get("/runtime"); err != nil || !containsAll(string(runtime), "example.setting", "from contour") {
		t.Errorf("the runtime layer did not arrive: %v, %s", err, runtime)
	}
}

func (p protocol) wantSource(t *testing.T, what string, source *corev3.ConfigSource) {
	t.Helper()
	if p.aggregated {
		if source.GetAds() == nil {
			t.Errorf("%s is %v, want ADS", what, source)
		}
		return
	}
	if got := source.GetApiConfigSource().GetApiType(); got != p.api {
		t.Errorf("%s has %v, want %v", what, fmt.Sprint(got), p.api)
	}
}
