package bench

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

const (
	clusterURL  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	listenerURL = "type.googleapis.com/envoy.config.listener.v3.Listener"
	secretURL   = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
	runtimeURL  = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
)

// connections is how many are held open at once.
const connections = 500

// BenchmarkMemory compares the bytes of memory that a server holds for each
// connection that is through its handshake: one that says nothing, and one with a
// stream on which clusters were served and acknowledged. Each round is a process of
// its own, so that nothing is left of the round before.
//
// In use are heap and stacks, as Go counts them. Resident is what the kernel counts,
// and says less of what is saved: most of a buffer that is new and was never written to
// is not there yet.
func BenchmarkMemory(b *testing.B) {
	for _, row := range []struct {
		name    string
		streams bool
	}{
		{"idle", false},
		{"with a stream", true},
	} {
		b.Run(row.name, func(b *testing.B) {
			dir, client := newFolder(b, certtest.ECDSA, someResources)
			inUse := comparison{unit: "bytes/connection", baseline: stockKind, goal: atMost(0.8)}
			resident := comparison{unit: "resident-bytes/connection", baseline: stockKind, goal: atMost(0.8)}
			measure := func(kind string) []float64 { return held(b, serverSpec{Kind: kind, Dir: dir}, client, row.streams) }
			compare(b,
				func() []float64 { return measure(stockKind) },
				func() []float64 { return measure(contourKind) }, &inUse, &resident)
		})
	}
}

// held starts a server and returns how many bytes it holds in use, and in the
// machine's memory, for each of its connections.
func held(b testing.TB, spec serverSpec, client *tls.Config, streams bool) []float64 {
	b.Helper()
	s := start(b, spec)
	defer s.stop()
	before := s.memory()
	fleet := gather(b, s, client, connections, streams)
	defer fleet.disband()
	time.Sleep(settling)
	after := s.memory()
	each := func(before, after uint64) float64 { return (float64(after) - float64(before)) / connections }
	return []float64{each(before.Heap+before.Stack, after.Heap+after.Stack), each(before.Resident, after.Resident)}
}

// settling is how long the goroutines of a server get to come to rest after the
// last client has what it wants.
const settling = 100 * time.Millisecond
