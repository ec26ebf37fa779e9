package xds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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
		append(entry(appendText(nil, 1, "a"), appendText(nil, 2, "\xc2")), 0xaa, 0x00, 0x00), // the next tag ends the character
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

// listOf is a request as it comes in pieces, with such a list.
func listOf(t *testing.T, has map[string]string) mem.BufferSlice {
	t.Helper()
	wire, err := proto.Marshal(&discovery.DeltaDiscoveryRequest{TypeUrl: served[clusterIndex].URL, InitialResourceVersions: has})
	if err != nil {
		t.Fatal(err)
	}
	return mem.BufferSlice{mem.SliceBuffer(wire[:len(wire)/2]), mem.SliceBuffer(wire[len(wire)/2:])}
}

// TestAListStaysWhereItCame has a client list names of all lengths: none of it is copied
// out of the memory that is used again.
func TestAListStaysWhereItCame(t *testing.T) {
	has := make(map[string]string)
	for i := range 300 {
		has[strings.Repeat("n", i)] = "1"
	}
	var req deltaRequest
	if err := req.unmarshal(listOf(t, has)); err != nil {
		t.Fatal(err)
	}
	if req.scattered || len(req.has) == 0 {
		t.Errorf("%d bytes, and put together is %v", len(req.has), req.scattered)
	}
}

// TestListsAreNotMixed has many clients come back at once, each with a list of its own.
// All are of one length, so that each takes the memory of another one.
func TestListsAreNotMixed(t *testing.T) {
	state := newTypeState(served[clusterIndex].URL, clusters(t, map[string]string{"a": "1s", "b": "1s", "c": "1s", "d": "1s"}), nil)
	var all sync.WaitGroup
	for lacking := range state.all {
		all.Go(func() {
			has := make(map[string]string)
			for i, r := range state.all {
				if has[r.name] = r.version; i == lacking {
					has[r.name] = strings.Repeat("0", len(r.version))
				}
			}
			for i := range 200 { // long enough for another one to come in between
				has[fmt.Sprintf("gone-%d-%03d", lacking, i)] = "1"
			}
			wire := listOf(t, has)
			for range 300 {
				w, req := &watch{}, new(deltaRequest)
				if err := req.unmarshal(wire); err != nil {
					t.Error(err)
					return
				}
				if err := (delta{}).take(w, req, state, true); err != nil {
					t.Error(err)
					return
				}
				if _, ok := w.stale[state.all[lacking].name]; !ok || len(w.stale) != 1 || len(w.leaving) != 200 ||
					w.leaving[199].name != fmt.Sprintf("gone-%d-199", lacking) {
					t.Errorf("one that lacks %s is told of %v, and of %d that are gone", state.all[lacking].name, w.stale, len(w.leaving))
					return
				}
			}
		})
	}
	all.Wait()
}

// TestAListOfMadeUpNamesIsBounded has a client list more names that don't exist than it
// could subscribe to, each of which is kept until it is taken from the client.
func TestAListOfMadeUpNamesIsBounded(t *testing.T) {
	state := newTypeState(served[clusterIndex].URL, clusters(t, map[string]string{"a": "1s"}), nil)
	var list heldList
	for i := range maxNames {
		list = appendBytes(list, heldField, appendText(nil, mapKeyField, fmt.Sprintf("made-up-%d", i)))
	}
	list = append(list, list...) // twice is once
	w := &watch{wildcard: true}
	if err := w.reconnect(list, state); err != nil || len(w.leaving) != maxNames {
		t.Fatalf("%d are gone: %v", len(w.leaving), err)
	}
	w = &watch{wildcard: true}
	err := w.reconnect(appendBytes(list, heldField, appendText(nil, mapKeyField, "one too many")), state)
	if status.Code(err) != codes.ResourceExhausted || len(w.leaving) != 0 {
		t.Errorf("%d are gone: %v", len(w.leaving), err)
	}
}

func TestAListThatCannotBeDecodedIsRefused(t *testing.T) {
	w := &watch{wildcard: true}
	state := newTypeState(served[clusterIndex].URL, clusters(t, map[string]string{"a": "1s"}), nil)
	err := w.reconnect(appendBytes(nil, heldField, appendText(nil, mapKeyField, "\xff")), state)
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "initial_resource_versions") {
		t.Errorf("got %v", err)
	}
}
