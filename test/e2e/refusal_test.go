package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// TestWhatAnEnvoyRefusedBesideAMistakeComesWithTheRemedy changes two route
// configurations at once, of which an Envoy refuses one for a mistake that only it
// finds, and then corrects that one alone. The other one was part of what the Envoy
// refused, and must be in force as well.
func TestWhatAnEnvoyRefusedBesideAMistakeComesWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, p := range protocols {
		if p.source == overADS && !p.aggregated {
			continue
		}
		t.Run(p.title(), func(t *testing.T) {
			t.Parallel()
			comesWithTheRemedy(t, envoy.Version, p)
		})
	}
}

func comesWithTheRemedy(t *testing.T, version string, p protocol) {
	f := newFixture(t)
	var listeners strings.Builder
	listeners.WriteString("resources:\n")
	for i := range refusalRoutes {
		listeners.WriteString(strings.NewReplacer("NUMBER", fmt.Sprint(i), "SOURCE", p.source).Replace(refusalListener))
	}
	f.write("listeners.yaml", listeners.String())
	f.writeRefusalRoutes("first", "a+")
	c := f.serve(drainsQuickly...)
	e := envoy.Start(t, f.bootstrap(c, f.client, "--xds-protocol", p.name), envoy.Options{Version: version, Args: drainQuickly})
	wantRunning(t, e, f.resources)

	f.writeRefusalRoutes("second", "a(") // no regular expression
	envoy.Eventually(t, deadline, "Envoy refuses a route configuration", func() error {
		n, err := c.metric("contour_xds_nacks_total", "type", "route")
		if err == nil && n == 0 {
			err = fmt.Errorf("it does not")
		}
		return err
	})
	f.writeRefusalRoutes("second", "b+")
	wantRunning(t, e, f.resources)
}

const refusalRoutes = 6

// writeRefusalRoutes writes route configurations that all say words, the middle one of
// which has a pattern of its own.
func (f *fixture) writeRefusalRoutes(words, pattern string) {
	f.t.Helper()
	var b strings.Builder
	b.WriteString("resources:\n")
	for i := range refusalRoutes {
		match := "prefix: /"
		if i == refusalRoutes/2 {
			match = fmt.Sprintf("safe_regex: {regex: %q}", pattern)
		}
		fmt.Fprintf(&b, `- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: route-%d
  virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {%s}, direct_response: {status: 200, body: {inline_string: %s}}}]}]
`, i, match, words)
	}
	f.write("routes.yaml", b.String())
}

const refusalListener = `- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: listener-NUMBER
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: http
        rds: {route_config_name: route-NUMBER, config_source: SOURCE}
        http_filters:
        - name: router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`
