package xds_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/xds"
)

// TestDefectsKnownElsewhere plays what went wrong in go-control-plane, by the number
// of its issue. Its deadlocks (854, 875) and leaks (570, 913) are in
// TestPublishingOpeningAndClosingAtOnce and TestChurnLeavesNothing.
func TestDefectsKnownElsewhere(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"1498: a reply that was held back has nothing that was given up meanwhile", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1 unanswered
			publish endpoint/a@2 endpoint/b@2
			delta > endpoint -a
			delta accept endpoint
			sotw > endpoint -a
			< endpoint b@2`},
		{"1498: and is not sent at all when it has nothing else", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1 unanswered
			publish endpoint/a@2 endpoint/b@1
			delta > endpoint -a
			delta accept endpoint
			sotw > endpoint -a`},
		{"1498: nor is a removal of what was given up", `
			publish cluster/a@1 cluster/b@1
			> cluster +a +b
			< cluster a@1 b@1 unanswered
			publish cluster/b@1
			delta > cluster -a
			delta accept cluster
			sotw > cluster -a`},
		{"1323: the wildcard is the wildcard, with names beside it and without", `
			publish listener/a@1 listener/b@1
			> listener +a
			< listener a@1
			> listener +*
			< listener a@1 b@1
			> listener -a
			delta < listener a@1
			publish listener/a@2 listener/b@1
			sotw < listener a@2 b@1
			delta < listener a@2`},
		{"399, 426, 1300, 1319: each name that is added is answered, though nothing changed", `
			publish route/a@1 route/b@1 route/c@1
			> route +a
			< route a@1
			> route +b
			< route b@1
			> route +c -a
			< route c@1
			> route +a
			< route a@1`},
		{"431: what was given up and is wanted again is sent again, of a type that is sent whole", `
			publish listener/a@1 listener/b@1
			> listener +a +b
			< listener a@1 b@1
			> listener -a
			> listener +a
			sotw < listener a@1 b@1
			delta < listener a@1`},
		{"583: a cluster that goes and comes back gets its endpoints again", `
			publish cluster/a>a@1 endpoint/a@1
			> cluster
			< cluster a@1
			> endpoint +a
			< endpoint a@1
			publish endpoint/a@1
			sotw < cluster
			delta < cluster -a
			> endpoint -a
			publish cluster/a>a@1 endpoint/a@1
			< cluster a@1 unanswered
			> endpoint +a
			< endpoint a@1
			accept cluster`},
		{"583: and one that is changed, though its endpoints are as they were and nobody asks", `
			publish cluster/a>e@1 cluster/b>b@1 endpoint/e@1 endpoint/b@1
			> cluster
			< cluster a@1 b@1
			> endpoint +e +b
			< endpoint b@1 e@1
			publish cluster/a>e@2 cluster/b>b@1 endpoint/e@1 endpoint/b@1
			sotw < cluster a@2 b@1 unanswered
			delta < cluster a@2 unanswered
			< endpoint e@1
			accept cluster`},
		{"526, 544, 705, 752: whatever the order of the requests, changes come in theirs", `
			publish route/r>a@1 listener/l@1 endpoint/a@1 cluster/a>a@1
			> route +r
			< route r@1
			> listener
			< listener l@1
			> endpoint +a
			< endpoint a@1
			> cluster
			< cluster a@1 unanswered
			< endpoint a@1
			accept cluster
			publish route/r>a@2 listener/l@2 endpoint/a@2 cluster/a>a@2
			< cluster a@2 unanswered
			< endpoint a@2 unanswered
			accept endpoint
			accept cluster
			< listener l@2
			< route r@2`},
		{"249: a secret that nobody names keeps no other back", `
			publish secret/a@1 secret/b@1
			> secret +a
			< secret a@1
			publish secret/a@2 secret/b@2 secret/c@2
			< secret a@2`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}

// TestWhatADrainingListenerUsesStays replaces a listener, whose connections go on
// with what they refer to until it has drained.
func TestWhatADrainingListenerUsesStays(t *testing.T) {
	t.Parallel()
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta is %v", delta), func(t *testing.T) {
			t.Parallel()
			const drain = 2 * time.Second
			s := newStage(t, delta, start(t, func(cfg *xds.Config) { cfg.ListenerDrain = drain }))
			s.play(`
				publish cluster/old@1 listener/l@1 route/r>old@1
				> cluster
				< cluster old@1
				> listener
				< listener l@1
				> route +r
				< route r@1
				publish cluster/new@1 listener/l@2 route/r>new@2
				sotw < cluster new@1 old@1
				delta < cluster new@1
				< listener l@2
				< route r@2`)
			replaced := time.Now()
			s.play(`
				sotw < cluster new@1
				delta < cluster -old`)
			if waited := time.Since(replaced); waited < drain/2 {
				t.Errorf("the cluster went after %v", waited)
			}
		})
	}
}
