package xds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLayeredStatesCompareAsPlainOnesDo has random states that stand on others say what
// differs between them, and compares that with the same resources in one list.
func TestLayeredStatesCompareAsPlainOnesDo(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 0))
	state := func() *typeState {
		below := &typeState{id: states.Add(1)}
		above := &typeState{id: states.Add(1), below: below}
		for n := range 12 {
			r := &resource{name: fmt.Sprintf("%02d", n), version: fmt.Sprint(random.IntN(2))}
			switch random.IntN(3) {
			case 0:
				below.all = append(below.all, r)
			case 1:
				above.all = append(above.all, r)
			}
		}
		if random.IntN(3) == 0 {
			return below
		}
		return above
	}
	seen := 0
	for range 2000 {
		earlier, later := state(), state()
		want := compareLists(earlier.list(), later.list())
		got := later.since(earlier)
		if !slices.Equal(got.changed, want.changed) || !slices.Equal(got.removed, want.removed) {
			t.Fatalf("from %v to %v: %v changed and %v removed, want %v and %v", namesOf(earlier.list()), namesOf(later.list()),
				namesOf(got.changed), namesOf(got.removed), namesOf(want.changed), namesOf(want.removed))
		}
		for _, r := range later.list() {
			if later.get(r.name) != r {
				t.Fatalf("%s is not found", r.name)
			}
		}
		if later.len() != len(later.list()) {
			t.Fatalf("there are %d, not %d", len(later.list()), later.len())
		}
		if earlier.below != nil && later.below != nil {
			seen++
		}
	}
	if seen == 0 {
		t.Error("no two of them stood on others")
	}
}
