package revocation_test

import (
	"runtime"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// keptBy is how many bytes of the heap what is parsed holds on to.
func keptBy(tb testing.TB, parse func() any) float64 {
	tb.Helper()
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	made := parse()
	kept := heap() - before
	runtime.KeepAlive(made)
	return kept
}

// TestAListIsKeptInLittleMemory bounds what stays of 100,000 entries: their part of the
// signed list, which is verified by whole, and a row of a table.
func TestAListIsKeptInLittleMemory(t *testing.T) {
	const entries, most = 100_000, 200 // bytes for each
	data := certtest.NewCA(t, "root").RevocationList(t, bigList(entries))
	kept := keptBy(t, func() any { return parse(t, data) }) / entries
	runtime.KeepAlive(data) // or what the caller lets go of would count as a gain
	t.Logf("%.0f bytes for each entry", kept)
	if kept > most {
		t.Errorf("it keeps %.0f bytes for each entry, and is to keep %d at most", kept, most)
	}
}
