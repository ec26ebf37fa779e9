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

// TestDifferentGrantsShareWhatTheyHaveInCommon has two clients ask for all secrets, each
// of which is granted another one besides, and wants the bytes of the rest to be the
// same ones.
func TestDifferentGrantsShareWhatTheyHaveInCommon(t *testing.T) {
	all := func(names ...string) (all []*resource) {
		for _, name := range names {
			all = append(all, &resource{name: name, version: "1", sotw: []byte("sotw of " + name), delta: []byte("delta of " + name)})
		}
		return all
	}
	s := &secretState{whole: &typeState{}, referred: &typeState{id: states.Add(1), all: all("a", "b")}}
	one, other := s.grant("1", all("c")), s.grant("2", all("d"))
	for what, of := range map[string]func(*typeState) [][]byte{
		"state of the world": (*typeState).sotwFields,
		"delta":              func(s *typeState) [][]byte { return s.since(nil).deltaFields() },
	} {
		a, b := of(one), of(other)
		if len(a) != 2 || len(b) != 2 || len(a[0]) == 0 || &a[0][0] != &b[0][0] {
			t.Errorf("%s: nothing is shared by %q and %q", what, a, b)
		}
		if again := of(one); len(a[1]) == 0 || string(again[1]) != string(a[1]) || string(a[1]) == string(b[1]) {
			t.Errorf("%s: what is granted besides is %q and %q", what, a[1], b[1])
		}
	}
	for _, granted := range []*typeState{one, other} {
		if granted.places.places != nil || len(granted.diffs) > 0 {
			t.Error("what is as long as all that is shared is remembered by each")
		}
		if _, _, err := granted.held(nil); err != nil || granted.places.places != nil {
			t.Errorf("so it is after a client came back: %v", err)
		}
	}
}
