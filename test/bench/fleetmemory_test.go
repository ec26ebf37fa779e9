package bench

import (
	"fmt"
	"testing"
)

// memoryClients is how many clients are connected when a server's memory is
// measured.
const memoryClients = 100

// BenchmarkFleetMemory compares the bytes that a server holds in use for each
// client that has all clusters, as heap and stacks, at two numbers of clusters. What
// the server holds once for all is not in it: one client comes and goes before.
func BenchmarkFleetMemory(b *testing.B) {
	sizes := []int{*clusters, 10 * *clusters}
	for _, variant := range []string{sotwVariant, deltaVariant} {
		b.Run(variant, func(b *testing.B) {
			var sides []func() []float64
			for _, size := range sizes {
				dir := newFleetFolder(b, size)
				for _, kind := range []string{contourKind, stockKind} {
					sides = append(sides, func() []float64 {
						return heldByClients(b, serverSpec{Kind: kind, Dir: dir}, crowdSpec{Variant: variant})
					})
				}
			}
			m := inTurns(b, sides...)
			for i, limit := range []float64{0.45, 0.10} {
				c := comparison{
					unit: fmt.Sprintf("bytes/client-with-%d-clusters", sizes[i]), baseline: stockKind,
					goal: atMost(limit), ours: m[2*i][0], base: m[2*i+1][0],
				}
				c.report(b)
			}
			both := comparison{
				unit: fmt.Sprintf("bytes/client-with-%d-clusters", sizes[1]), baseline: fmt.Sprintf("contour-with-%d", sizes[0]),
				goal: within(0.9, 1.1), ours: m[2][0], base: m[0][0],
			}
			both.report(b)
		})
	}
}

func heldByClients(b testing.TB, server serverSpec, crowd crowdSpec) []float64 {
	b.Helper()
	s := newScene(b, server, crowd)
	defer s.stop()
	s.connect(1)
	s.settled()
	before := s.memory()
	s.connect(memoryClients)
	s.settled()
	after := s.memory()
	return []float64{(float64(after.Heap+after.Stack) - float64(before.Heap+before.Stack)) / memoryClients}
}
