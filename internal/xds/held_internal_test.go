package xds

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// FuzzDeltaRequest holds the decoding of a request to that of Protocol Buffers: the
// same bytes are refused, and what the others mean is the same.
func FuzzDeltaRequest(f *testing.F) {
	whole, err := proto.Marshal(&discovery.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "me"}, TypeUrl: "t", ResourceNamesSubscribe: []string{"*"}, ResponseNonce: "1",
		InitialResourceVersions: map[string]string{"a": "1", "b": "2", "": ""},
	})
	if err != nil {
		f.Fatal(err)
	}
	entry := func(fields ...[]byte) []byte {
		var all []byte
		for _, field := range fields {
			all = append(all, field...)
		}
		return appendBytes(nil, heldField, all)
	}
	short := entry(appendText(nil, 1, "s"), appendText(nil, 2, "1"))
	long := entry(appendText(nil, 1, strings.Repeat("l", 200)), appendText(nil, 2, "2"))
	for _, seed := range [][]byte{
		whole, whole[:len(whole)-1], nil,
		entry(), entry(appendText(nil, 1, "a")), entry(appendText(nil, 2, "1")),
		entry(appendText(nil, 1, "a"), appendText(nil, 1, "b"), appendText(nil, 2, "1"), appendText(nil, 3, "unknown")),
		append(entry(appendText(nil, 1, "a"), appendText(nil, 2, "1")), entry(appendText(nil, 1, "a"), appendText(nil, 2, "2"))...),
		entry(appendText(nil, 1, "\xff"), appendText(nil, 1, "a")), entry([]byte{0x88, 0x88, 0x88, 0x9e, 0x30, 0x30}), entry(appendText(nil, 2, "\xff")), entry([]byte{0x0a, 0x05, 'a'}),
		entry(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)),
		protowire.AppendVarint(protowire.AppendTag(nil, heldField, protowire.VarintType), 7),
		appendText(nil, 2, "\xff"),
		slices.Concat(short, long, short, appendText(nil, 2, "*"), long, short, short),
		{0x2a, 0x05},
		{0x2b, 0x2c},
		{0x00},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		want := new(discovery.DeltaDiscoveryRequest)
		refused := proto.Unmarshal(wire, want)
		var got deltaRequest
		has := make(map[string]string)
		err := got.unmarshal(mem.BufferSlice{mem.SliceBuffer(wire[:len(wire)/2]), mem.SliceBuffer(wire[len(wire)/2:])})
		if err == nil {
			err = got.has.each(func(name, version []byte) { has[string(name)] = string(version) })
		}
		if (err != nil) != (refused != nil) {
			t.Fatalf("%x: %v, and Protocol Buffers says %v", wire, err, refused)
		}
		if err != nil {
			return
		}
		if !maps.Equal(has, want.GetInitialResourceVersions()) {
			t.Errorf("%x has %v, and Protocol Buffers says %v", wire, has, want.GetInitialResourceVersions())
		}
		want.InitialResourceVersions = nil
		if !proto.Equal(&got.DeltaDiscoveryRequest, want) {
			t.Errorf("%x is %v, and Protocol Buffers says %v", wire, &got.DeltaDiscoveryRequest, want)
		}
	})
}

func TestAListThatCannotBeDecodedIsRefused(t *testing.T) {
	w := &watch{wildcard: true}
	state := newTypeState(served[clusterIndex].URL, clusters(t, map[string]string{"a": "1s"}), nil)
	err := w.reconnect(appendBytes(nil, heldField, appendText(nil, mapKeyField, "\xff")), state)
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "initial_resource_versions") {
		t.Errorf("got %v", err)
	}
}
