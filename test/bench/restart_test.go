package bench

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// Places in what a restart measures.
const (
	backSeconds = iota
	backResourceBytes
	backBytes
	backCPU
)

// BenchmarkRestart compares how long it takes until all clients are served again
// when the server was killed: they speak the delta variant, have everything, connect
// at the moment the new process listens, all at once, and say what they have. The
// floor is as many bare handshakes. A client is served again when its subscription to
// listeners is answered, of which there are none: that comes after its clusters, for
// which a client that has them all may get no answer.
func BenchmarkRestart(b *testing.B) {
	b.Logf("%d clients, %d clusters", *clients, *clusters)
	dir := newFleetFolder(b, *clusters)
	side := func(kind string) func() []float64 {
		server, crowd := serverSpec{Kind: kind, Dir: dir}, crowdSpec{Variant: deltaVariant, Listeners: true}
		if kind == bareKind {
			server.AnswerBytes = bareAnswerBytes
			crowd = crowdSpec{Variant: bareKind, AnswerBytes: bareAnswerBytes, Listeners: true}
		}
		return func() []float64 { return restart(b, server, crowd, *clients) }
	}
	sides := []func() []float64{side(contourKind), side(bareKind), side(stockKind)}
	if *alone {
		sides = sides[:1]
	}
	measured := inTurns(b, sides...)
	for _, c := range []struct {
		comparison
		place, of int
	}{
		{comparison{unit: "s-until-all-are-served", baseline: bareKind, goal: atMost(2)}, backSeconds, 1},
		{comparison{unit: "s-until-all-are-served", baseline: stockKind}, backSeconds, 2},
		{comparison{unit: "resource-bytes/client", baseline: stockKind, goal: atMost(0), absolute: true}, backResourceBytes, 2},
		{comparison{unit: "bytes/client", baseline: stockKind}, backBytes, 2},
		{comparison{unit: "server-ms/client", baseline: bareKind}, backCPU, 1},
		{comparison{unit: "server-ms/client", baseline: stockKind}, backCPU, 2},
	} {
		b.Logf("contour: %.4g %s", median(measured[0][c.place]), c.unit)
		if *alone {
			continue
		}
		c.base, c.ours = measured[c.of][c.place], measured[0][c.place]
		c.report(b)
	}
}

// restart kills the server under its clients, and returns how long it then takes,
// from listening, until all are served, how many bytes of resources and of all they
// receive each, and what each costs the server.
func restart(b testing.TB, server serverSpec, crowd crowdSpec, clients int) []float64 {
	b.Helper()
	s := newScene(b, server, crowd)
	defer func() { s.stop() }()
	s.connect(clients)
	s.hear("drain", clients)
	s.kill()
	s.hear("lose", clients)
	server.Addr = s.addr
	s.server = start(b, server, halfOfTheMachine())
	before := s.usage()
	h := s.connect(clients)
	late := s.hear("drain", clients)
	used := s.usage().CPU - before.CPU
	each := func(sum int) float64 { return float64(sum) / float64(clients) }
	return []float64{
		backSeconds:       slices.MaxFunc(h.At, time.Time.Compare).Sub(h.Began).Seconds(),
		backResourceBytes: each(h.ResourceBytes + late.ResourceBytes),
		backBytes:         each(h.Bytes + late.Bytes),
		backCPU:           used.Seconds() * 1e3 / float64(clients),
	}
}

// TestCrowdComesBack keeps the benchmark from measuring nothing: what a killed
// server's clients say that they have is what they had, and what they lack is counted.
func TestCrowdComesBack(t *testing.T) {
	const clients = 3
	dir := newFleetFolder(t, 5)
	m := restart(t, serverSpec{Kind: contourKind, Dir: dir}, crowdSpec{Variant: deltaVariant, Listeners: true}, clients)
	if m[backResourceBytes] != 0 || m[backBytes] == 0 {
		t.Errorf("clients that lack nothing receive %v bytes, %v of them resources", m[backBytes], m[backResourceBytes])
	}

	s := newScene(t, serverSpec{Kind: contourKind, Dir: dir}, crowdSpec{Variant: deltaVariant, Listeners: true})
	defer func() { s.stop() }()
	s.connect(clients)
	s.hear("drain", clients)
	s.kill()
	s.hear("lose", clients)
	certtest.WriteFile(t, filepath.Join(dir, "resources", "all.yaml"), []byte(manyClusters(5, "9s")))
	s.server = start(t, serverSpec{Kind: contourKind, Dir: dir, Addr: s.addr})
	got := s.connect(clients).ResourceBytes + s.hear("drain", clients).ResourceBytes
	if got < clients*minClusterBytes || got >= 2*clients*minClusterBytes {
		t.Errorf("%d clients that lack one cluster receive %d bytes of resources", clients, got)
	}
}
