package xds_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/internal/resources"
)

// A content is what is published, by "type/name": a revision. A route named
// "route/r>c" is r, and sends everything to the cluster c; a cluster named
// "cluster/c>e" is c, and has the endpoints e.
type content map[string]int

// probes are the two resources that every content holds besides, of a type that no
// test uses otherwise. See [peer.probe].
const probes = `- "@type": type.googleapis.com/envoy.service.runtime.v3.Runtime
  name: probe-a
  layer: {a: 1}
- "@type": type.googleapis.com/envoy.service.runtime.v3.Runtime
  name: probe-b
  layer: {b: 1}
`

// text is the content as a resource file.
func (c content) text() string {
	var b strings.Builder
	b.WriteString("resources:\n" + probes)
	for _, key := range slices.Sorted(maps.Keys(c)) {
		label, name, _ := strings.Cut(key, "/")
		name, to, refers := strings.Cut(name, ">")
		fmt.Fprintf(&b, "- \"@type\": %s\n", typeURL(label))
		switch label {
		case "endpoint":
			fmt.Fprintf(&b, "  cluster_name: %s\n  policy: {overprovisioning_factor: %d}\n", name, 100+c[key])
			continue
		case "cluster":
			fmt.Fprintf(&b, "  connect_timeout: %ds\n", c[key])
		case "listener":
			fmt.Fprintf(&b, "  address: {socket_address: {address: 127.0.0.1, port_value: %d}}\n", c[key])
		case "route":
			fmt.Fprintf(&b, "  max_direct_response_body_size_bytes: %d\n", c[key])
		case "secret":
			fmt.Fprintf(&b, "  generic_secret: {secret: {inline_string: revision %d}}\n", c[key])
		default:
			panic("no such type: " + label)
		}
		switch {
		case refers && label == "cluster":
			fmt.Fprintf(&b, "  type: EDS\n  eds_cluster_config: {service_name: %s, eds_config: {ads: {}, resource_api_version: V3}}\n", to)
		case refers:
			fmt.Fprintf(&b, "  virtual_hosts: [{name: all, domains: [\"*\"], routes: [{match: {prefix: /}, route: {cluster: %s}}]}]\n", to)
		}
		fmt.Fprintf(&b, "  name: %s\n", name)
	}
	return b.String()
}

func (c content) snapshot(t testing.TB) *resources.Snapshots {
	t.Helper()
	return snapshot(t, c.text())
}

// of is the revisions of one type, by name.
func (c content) of(label string) map[string]int {
	found := make(map[string]int)
	for key, revision := range c {
		if name, ok := strings.CutPrefix(key, label+"/"); ok {
			name, _, _ = strings.Cut(name, ">")
			found[name] = revision
		}
	}
	return found
}

// contentOf reads a content from words such as cluster/a@1.
func contentOf(words []string) content {
	c := make(content)
	for _, word := range words {
		key, revision, found := strings.Cut(word, "@")
		n, err := strconv.Atoi(revision)
		if !found || err != nil {
			panic("no resource with a revision: " + word)
		}
		c[key] = n
	}
	return c
}

func typeURL(label string) string {
	i := slices.IndexFunc(resources.Types(), func(t resources.Type) bool { return t.Label == label })
	if i < 0 {
		panic("no such type: " + label)
	}
	return resources.Types()[i].URL
}

func labelOf(url string) string {
	for _, t := range resources.Types() {
		if t.URL == url {
			return t.Label
		}
	}
	return url
}

// read returns the name and the revision of a resource of a [content], and no
// revision of any other. It is called beside the test's own goroutine.
func read(t testing.TB, body *anypb.Any) (name string, revision int) {
	message, err := body.UnmarshalNew()
	if err != nil {
		t.Errorf("decoding a resource: %v", err)
		return "", 0
	}
	switch m := message.(type) {
	case *clusterv3.Cluster:
		return m.GetName(), int(m.GetConnectTimeout().GetSeconds())
	case *endpointv3.ClusterLoadAssignment:
		return m.GetClusterName(), int(m.GetPolicy().GetOverprovisioningFactor().GetValue()) - 100
	case *listenerv3.Listener:
		return m.GetName(), int(m.GetAddress().GetSocketAddress().GetPortValue())
	case *routev3.RouteConfiguration:
		return m.GetName(), int(m.GetMaxDirectResponseBodySizeBytes().GetValue())
	case *tlsv3.Secret:
		revision, _ = strconv.Atoi(strings.TrimPrefix(m.GetGenericSecret().GetSecret().GetInlineString(), "revision "))
		return m.GetName(), revision
	case interface{ GetName() string }:
		return m.GetName(), 1
	}
	t.Errorf("a resource of type %s", body.GetTypeUrl())
	return "", 0
}
