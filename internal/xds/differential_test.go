package xds_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/resources"
)

// TestAcceptedDifferences plays each difference against both servers, so that the
// list says what is the case.
func TestAcceptedDifferences(t *testing.T) {
	for _, d := range accepted {
		t.Run(d.name, func(t *testing.T) {
			newStage(t, d.delta, start(t)).play(d.ours)
			if d.theirs != "" {
				r := startReference(t)
				newStageOf(t, d.delta, r.Publish, r.conn).play(d.theirs)
			}
		})
	}
}

// TestDifferential plays scripts that are made up against both servers. Clients of
// both have the same in the end, and what there is.
func TestDifferential(t *testing.T) {
	f, r := start(t), startReference(t)
	explained := map[string]int{}
	for seed := range seeds(t) {
		delta := seed%2 == 0
		all := makeUp(1_000_000+seed, delta, true)
		ok := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { differential(t, f, r, delta, all, explained) })
		if !ok {
			t.Fatalf("delta is %v; the script:\n%s", delta, all)
		}
	}
	t.Logf("differences met: %v", explained)
}

func differential(t *testing.T, f *fixture, r *reference, delta bool, all script, explained map[string]int) {
	t.Helper()
	snapshots := make(map[string]*resources.Snapshots)
	ours := newStage(t, delta, f)
	defer ours.peer.end()
	ours.perform(all, snapshots)
	for _, wrong := range ours.late(all) {
		t.Errorf("ours: %s", wrong)
	}
	theirs := newStageOf(t, delta, r.Publish, r.conn)
	defer theirs.peer.end()
	theirs.perform(all, snapshots)
	for deadline := time.Now().Add(2 * time.Second); len(theirs.peer.wrong(theirs.content)) > 0; theirs.peer.settle() {
		if time.Now().Before(deadline) {
			continue // its responses to different types overtake each other
		}
		if name := explanation(delta, all); name != "" {
			explained[name]++
			return
		}
		for _, wrong := range theirs.peer.wrong(theirs.content) {
			t.Errorf("theirs, and no difference explains it: %s", wrong)
		}
		return
	}
}

func explanation(delta bool, all script) string {
	for _, d := range accepted {
		if d.delta == delta && d.explains != nil && d.explains(all) {
			return d.name
		}
	}
	return ""
}
