package xds_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
)

// An item is one resource as a peer has it.
type item struct {
	revision int
	version  string
}

// An update is a response of either variant.
type update struct {
	label, nonce, version string
	changed               map[string]item
	removed               []string
	bytes                 int // of all resources
}

// An intent is a request of either variant.
type intent struct {
	typeURL                string
	nonce                  string
	refusal                *rpcstatus.Status
	subscribe, unsubscribe []string
	s                      *subscription
}

// String is an update as scripts write it.
func (u update) String() string {
	words := []string{u.label}
	for _, name := range slices.Sorted(maps.Keys(u.changed)) {
		words = append(words, fmt.Sprintf("%s@%d", name, u.changed[name].revision))
	}
	for _, name := range slices.Sorted(slices.Values(u.removed)) {
		words = append(words, "-"+name)
	}
	return strings.Join(words, " ")
}

func sotwUpdate(t testing.TB, resp *discovery.DiscoveryResponse) update {
	u := update{label: labelOf(resp.GetTypeUrl()), nonce: resp.GetNonce(), version: resp.GetVersionInfo(), changed: make(map[string]item)}
	for _, body := range resp.GetResources() {
		name, revision := read(t, body)
		u.changed[name] = item{revision, ""}
		u.bytes += len(body.GetValue())
	}
	return u
}

func deltaUpdate(t testing.TB, resp *discovery.DeltaDiscoveryResponse) update {
	u := update{
		label: labelOf(resp.GetTypeUrl()), nonce: resp.GetNonce(), version: resp.GetSystemVersionInfo(),
		changed: make(map[string]item), removed: resp.GetRemovedResources(),
	}
	for _, r := range resp.GetResources() {
		name, revision := read(t, r.GetResource())
		if name != r.GetName() {
			t.Errorf("%q is wrapped as %q", name, r.GetName())
		}
		u.changed[name] = item{revision, r.GetVersion()}
		u.bytes += len(r.GetResource().GetValue())
	}
	return u
}

func (p *peer) deltaRequest(i *intent) *discovery.DeltaDiscoveryRequest {
	req := &discovery.DeltaDiscoveryRequest{
		Node: p.tellNode(), TypeUrl: i.typeURL, ResponseNonce: i.nonce, ErrorDetail: i.refusal,
		ResourceNamesSubscribe: i.subscribe, ResourceNamesUnsubscribe: i.unsubscribe,
	}
	if !i.s.started && len(i.s.view) > 0 {
		req.InitialResourceVersions = make(map[string]string)
		for name, has := range i.s.view {
			req.InitialResourceVersions[name] = has.version
		}
	}
	return req
}

func (p *peer) sotwRequest(i *intent) *discovery.DiscoveryRequest {
	return &discovery.DiscoveryRequest{
		Node: p.tellNode(), TypeUrl: i.typeURL, ResponseNonce: cmp.Or(i.nonce, i.s.nonce), ErrorDetail: i.refusal,
		VersionInfo: i.s.version, ResourceNames: slices.Sorted(maps.Keys(i.s.names)),
	}
}
