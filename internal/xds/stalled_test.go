package xds_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/contour-xds/contour/internal/resources"
)

const mebibyte = 1 << 20

// bigSecrets returns a function that publishes two mebibytes of secrets, which
// differ from one turn to the next.
func bigSecrets(t testing.TB, publish func(*resources.Snapshots)) func() {
	t.Helper()
	text := strings.Repeat("x", 2*mebibyte/8)
	var all []*resources.Snapshots
	for turn := range 3 {
		var b strings.Builder
		b.WriteString("resources:\n" + probes)
		for i := range 8 {
			fmt.Fprintf(&b, "- {\"@type\": %s, name: big-%d, generic_secret: {secret: {inline_string: turn %d %s}}}\n", secretType, i, turn, text)
		}
		all = append(all, snapshot(t, b.String()))
	}
	turn := 0
	return func() { turn++; publish(all[turn%len(all)]) }
}

// TestAStalledReaderDelaysNobodyAndIsBounded opens streams that ask for everything
// and read nothing, beside one that reads.
func TestAStalledReaderDelaysNobodyAndIsBounded(t *testing.T) {
	f := start(t)
	publish := bigSecrets(t, f.Publish)
	publish()
	for range 10 {
		stalled := openDelta(f, adsDelta)
		for range 3 { // the later ones find the stream blocked
			if err := stalled.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: secretType, ResourceNamesSubscribe: []string{"*"}}); err != nil {
				t.Fatal(err)
			}
		}
		lazy := openSotW(f, adsSotW)
		if err := lazy.Send(&discovery.DiscoveryRequest{Node: node, TypeUrl: secretType, ResourceNames: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
	}
	reader := newPeer(t, f.conn, true)
	reader.subscribe("secret", []string{"big-0"}, nil)
	reader.next()
	reader.answer("secret", false)
	var before int64
	for turn := range 40 {
		publish()
		if u := reader.next(); u.label != "secret" || len(u.changed) != 1 {
			t.Fatalf("the one that reads got %q", u)
		}
		reader.answer("secret", false)
		if turn == 9 { // and whoever does not read has filled all buffers
			before = heap()
		}
	}
	if grown := heap() - before; grown > 20*mebibyte {
		t.Errorf("the heap grew by %d MiB while 60 MiB were published", grown/mebibyte)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // for what finalizers set free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWhatWasPublishedIsForgotten follows many changes.
func TestWhatWasPublishedIsForgotten(t *testing.T) {
	f := start(t)
	publish := bigSecrets(t, f.Publish)
	publish()
	p := newPeer(t, f.conn, true)
	p.subscribe("secret", []string{"*"}, nil)
	p.next()
	p.answer("secret", false)
	var before int64
	for turn := range 25 {
		publish()
		if u := p.next(); len(u.changed) != 8 {
			t.Fatalf("got %q", u)
		}
		p.answer("secret", false)
		p.probe()
		if turn == 2 {
			before = heap()
		}
	}
	if grown := heap() - before; grown > 20*mebibyte {
		t.Errorf("the heap grew by %d MiB while 44 MiB were published", grown/mebibyte)
	}
}
