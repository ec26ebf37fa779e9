package xds_test

import (
	"fmt"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// listenersWithASecret are so many listeners, all of which ask for one secret, the last
// one in its own way.
func listenersWithASecret(count int) string {
	text := "resources:\n" + probes + `- {"@type": ` + secretType + `, name: s, tls_certificate: {}}
- {"@type": ` + secretType + `, name: other, tls_certificate: {}}
`
	for i := range count {
		text += fmt.Sprintf(`- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: l%d
  address: {socket_address: {address: 127.0.0.1, port_value: 1}}
  filter_chains:
  - transport_socket:
      name: tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        common_tls_context:
          tls_certificate_sds_secret_configs: [{name: s, sds_config: {resource_api_version: V3, ads: {}, initial_fetch_timeout: %ds}}]
`, i, i)
	}
	return text
}

// TestWhatANewListenerAsksForIsSentAgain plays an Envoy whose new listener asks for a
// secret in another way than the one that it has, and that does not ask again for a
// name that it is subscribed to.
func TestWhatANewListenerAsksForIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta is %v", delta), func(t *testing.T) {
			t.Parallel()
			f := start(t)
			f.Publish(snapshot(t, listenersWithASecret(1)))
			p := newPeer(t, f.conn, delta)
			p.subscribe("listener", nil, nil)
			p.subscribe("secret", []string{"s", "other"}, nil)
			for range 2 {
				p.answer(p.next().label, false)
			}
			f.Publish(snapshot(t, listenersWithASecret(2)))
			if u := p.next(); u.label != "listener" {
				t.Fatalf("got %q first", u)
			}
			if u := p.next(); u.String() != "secret s@0" {
				t.Errorf("got %q behind the listener", u)
			}
		})
	}
}

// TestManyNamesThatDoNotExistAreAnswered has a client ask for as many names as it
// likes, and for all of them and everything again: what that costs grows as they do,
// and not as their square, or the answers would not come in time.
func TestManyNamesThatDoNotExistAreAnswered(t *testing.T) {
	t.Parallel()
	f := start(t)
	stream := openDelta(f, adsDelta)
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("made-up-%d", i)
	}
	for range 2 {
		resp := ask(t, stream, &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: clusterType, ResourceNamesSubscribe: names})
		if got := len(resp.GetRemovedResources()); got != len(names) {
			t.Errorf("%d names are told of", got)
		}
	}
}
