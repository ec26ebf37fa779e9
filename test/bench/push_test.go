package bench

import (
	"strings"
	"testing"
)

// pushesOf are how many pushes a round is of: as many as take about as long.
var pushesOf = map[string]map[string]int{
	sotwVariant:  {stockKind: 2, linearKind: 5, contourKind: 15, bareKind: 15},
	deltaVariant: {stockKind: 5, linearKind: 5, contourKind: 25, bareKind: 25},
}

// BenchmarkFanOut compares what it takes to push one changed cluster of many to
// many clients, each with a connection and an aggregated stream of its own: the
// server's processor time, and how long until the clients have it. What a client
// costs until it has all clusters for the first time, its handshake included, is
// taken from the same runs.
//
// The baseline is go-control-plane's SnapshotCache at its best, one snapshot shared
// by all. Its LinearCache, which has one type only, and the floor, the same bytes
// through crypto/tls with neither gRPC nor a protocol above, stand beside it and have
// no goal.
func BenchmarkFanOut(b *testing.B) {
	for _, row := range []struct {
		variant string
		goals   map[int]goal
	}{
		{sotwVariant, map[int]goal{pushCPU: atMost(0.08), pushP99: atMost(0.10), coldCPU: atMost(0.35)}},
		{deltaVariant, map[int]goal{pushCPU: atMost(0.12), pushP99: atMost(0.15), coldCPU: atMost(0.35)}},
	} {
		b.Run(row.variant, func(b *testing.B) {
			kinds := []string{contourKind, stockKind, linearKind, bareKind}
			if *alone {
				kinds = kinds[:1]
			}
			measured := inTurns(b, pushing(b, row.variant, kinds)...)
			for place, unit := range fanOutUnits {
				b.Logf("contour: %.4g %s", median(measured[0][place]), unit)
				for i, baseline := range kinds[1:] {
					c := comparison{unit: unit, baseline: baseline, base: measured[1+i][place], ours: measured[0][place]}
					if baseline == stockKind {
						c.goal = row.goals[place]
					}
					c.report(b)
				}
			}
		})
	}
}

// pushing is what measures each of the kinds.
func pushing(b *testing.B, variant string, kinds []string) []func() []float64 {
	b.Helper()
	b.Logf("%d clients, %d clusters", *clients, *clusters)
	dir := newFleetFolder(b, *clusters)
	one := fanOut(b, serverSpec{Kind: contourKind, Dir: dir}, crowdSpec{Variant: variant}, 1, 1)
	var sides []func() []float64
	for _, kind := range kinds {
		spec, crowd := serverSpec{Kind: kind, Dir: dir}, crowdSpec{Variant: variant}
		if kind == bareKind {
			spec.AnswerBytes, spec.PushBytes = bareAnswerBytes, int(one[pushBytes])
			crowd = crowdSpec{Variant: bareKind, AnswerBytes: spec.AnswerBytes, PushBytes: spec.PushBytes}
		}
		n := pushesOf[variant][kind]
		if *pushes > 0 {
			n = *pushes
		}
		sides = append(sides, func() []float64 { return fanOut(b, spec, crowd, *clients, n) })
	}
	return sides
}

// bareAnswerBytes is what a bare server answers a handshake with, about as much as
// the frames that a server of HTTP/2 begins with.
const bareAnswerBytes = 64

// TestCrowdIsPushedTo keeps the benchmarks of fleets from rotting: each server
// pushes a change to every client, and a second one, which none does before its
// clients have accepted the first.
func TestCrowdIsPushedTo(t *testing.T) {
	const clients = 3
	dir := newFleetFolder(t, 5)
	for _, variant := range []string{sotwVariant, deltaVariant} {
		for _, kind := range []string{contourKind, stockKind, linearKind} {
			t.Run(strings.Join([]string{kind, variant}, " "), func(t *testing.T) {
				s := newScene(t, serverSpec{Kind: kind, Dir: dir}, crowdSpec{Variant: variant})
				defer s.stop()
				if h := s.connect(clients); h.ResourceBytes < clients*5*minClusterBytes {
					t.Errorf("%d clients received only %d bytes of resources", clients, h.ResourceBytes)
				}
				for range 2 {
					s.publish()
					if h := s.hear("await", clients); h.ResourceBytes < clients*minClusterBytes {
						t.Errorf("%d clients were pushed only %d bytes of resources", clients, h.ResourceBytes)
					}
				}
				if h := s.hear("drain", clients); len(h.At) > 0 {
					t.Errorf("the clients received %d responses more than there were changes", len(h.At))
				}
			})
		}
	}
}

// minClusterBytes is less than a cluster of [manyClusters] has.
const minClusterBytes = 130
