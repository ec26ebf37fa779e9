package xds_test

import (
	"testing"
	"time"
)

// TestOrder plays changes whose parts build on each other (xDS protocol, "Eventual
// consistency considerations").
func TestOrder(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"clusters with their endpoints, listeners, routes: each when the ones before were accepted", `
			publish cluster/a@1 endpoint/a@1 listener/l@1 route/r>a@1
			> cluster
			< cluster a@1
			> endpoint +a
			< endpoint a@1
			> listener
			< listener l@1
			> route +r
			< route r@1
			publish cluster/a@2 endpoint/a@2 listener/l@2 route/r>a@2
			< cluster a@2 unanswered
			< endpoint a@2 unanswered
			accept cluster
			accept endpoint
			< listener l@2 unanswered
			accept listener
			< route r@2`},
		{"a cluster is replaced: made, referred to, and only then broken", `
			publish cluster/old@1 endpoint/old@1 route/r>old@1
			> cluster
			< cluster old@1
			> endpoint +old
			< endpoint old@1
			> route +r
			< route r@1
			publish cluster/new@1 endpoint/new@1 route/r>new@2
			sotw < cluster new@1 old@1 unanswered
			delta < cluster new@1 unanswered
			> endpoint +new
			< endpoint new@1
			sotw accept cluster
			delta accept cluster
			< route r@2 unanswered
			accept route
			sotw < cluster new@1
			delta < cluster -old
			delta < endpoint -old`},
		{"a refused cluster keeps back no route", `
			publish cluster/a@1 route/r>a@1
			> cluster
			< cluster a@1
			> route +r
			< route r@1
			publish cluster/a@2 route/r>a@2
			< cluster a@2 refused
			< route r@2`},
		{"a cluster that is back before it was taken away stays", `
			publish cluster/a@1 cluster/b@1 route/r>a@1
			> cluster
			< cluster a@1 b@1
			> route +r
			< route r@1
			publish cluster/b@1 route/r>b@2
			< route r@2 unanswered
			publish cluster/a@1 cluster/b@1 route/r>a@3
			accept route
			sotw < cluster a@1 b@1
			< route r@3`},
		{"a cluster that was told as gone when it was asked for is sent when it is back", `
			publish cluster/a@1 cluster/b@1 route/r>a@1
			> cluster +a +b
			< cluster a@1 b@1
			> route +r
			< route r@1
			publish cluster/a@2 route/r>a@2
			sotw < cluster a@2 b@1 unanswered
			delta < cluster a@2 unanswered
			delta > cluster +b
			delta < cluster -b unanswered
			publish cluster/a@2 cluster/b@1 route/r>a@2
			delta accept cluster
			accept cluster
			< route r@2
			sotw < cluster a@2 b@1
			delta < cluster b@1`},
		{"a name that was answered ahead of its turn, as gone, is sent when it is back as it was", `
			publish listener/l@1 route/a@1 route/b@1
			> listener
			< listener l@1
			> route +a
			< route a@1
			publish listener/l@2 route/a@1
			< listener l@2 unanswered
			> route +b
			sotw < route
			delta < route -b
			publish listener/l@2 route/a@1 route/b@1
			accept listener
			< route b@1`},
		{"a name that was answered ahead of its turn, with what is taken back, is sent as it is again", `
			publish listener/l@1 route/a@1 route/b@1
			> listener
			< listener l@1
			> route +a
			< route a@1
			publish listener/l@2 route/a@1 route/b@2
			< listener l@2 unanswered
			> route +b
			< route b@2
			publish listener/l@2 route/a@1 route/b@1
			accept listener
			< route b@1`},
		{"a name that was answered ahead of its turn is not sent again in its turn", `
			publish listener/l@1 route/a@1 route/b@1
			> listener
			< listener l@1
			> route +a
			< route a@1
			publish listener/l@2 route/a@2 route/b@2
			< listener l@2 unanswered
			> route +b
			< route b@2
			accept listener
			< route a@2`},
		{"a listener that was answered ahead stays in the set when another is asked for", `
			publish cluster/a@1 listener/l@1
			> cluster
			< cluster a@1
			> listener +l
			< listener l@1
			publish cluster/a@2 listener/l@1 listener/m@1
			< cluster a@2 unanswered
			> listener +m
			sotw < listener l@1 m@1
			delta < listener m@1
			> listener +none
			sotw < listener l@1 m@1
			delta < listener -none
			accept cluster`},
		{"a listener that was asked for beside the wildcard comes in its turn", `
			publish cluster/a@1 listener/l@1
			> cluster
			< cluster a@1
			> listener +*
			< listener l@1
			publish cluster/a@2 listener/l@2
			< cluster a@2 unanswered
			> listener +l
			sotw < listener l@1
			delta < listener l@2
			accept cluster
			sotw < listener l@2`},
		{"a removal alone is told at once", `
			publish cluster/a@1 cluster/b@1 route/r>a@1
			> cluster
			< cluster a@1 b@1
			> route +r
			< route r@1
			publish cluster/a@1 route/r>a@1
			sotw < cluster a@1
			delta < cluster -b`},
		{"a request is answered at once, whatever is held back", `
			publish cluster/a@1 listener/l@1 route/r>a@1 route/other>a@1
			> cluster
			< cluster a@1
			> listener
			< listener l@1
			publish cluster/a@2 listener/l@1 route/r>a@1 route/other>a@1
			< cluster a@2 unanswered
			> route +r
			< route r@1
			> route +other
			< route other@1
			> secret +none
			sotw < secret
			delta < secret -none
			accept cluster`},
		{"a request brings forward no change that nobody asked for", `
			publish cluster/a@1 route/r>a@1 route/other>a@1
			> cluster
			< cluster a@1
			> route +r
			< route r@1
			publish cluster/a@1 cluster/b@1 route/r>b@2 route/other>a@1
			sotw < cluster a@1 b@1 unanswered
			delta < cluster b@1 unanswered
			> route +other
			< route other@1
			accept cluster
			< route r@2`},
		{"a listener waits for what it needs, and no cluster for a listener", `
			publish cluster/a@1 listener/l@1
			> cluster
			< cluster a@1
			> listener
			< listener l@1
			publish cluster/a@1 listener/l@2
			< listener l@2 unanswered
			publish cluster/a@2 listener/l@2
			< cluster a@2
			accept listener`},
		{"a secret waits for nobody", `
			publish cluster/a@1 secret/s@1
			> cluster
			< cluster a@1
			> secret +s
			< secret s@1
			publish cluster/a@2 secret/s@1
			< cluster a@2 unanswered
			publish cluster/a@2 secret/s@2
			< secret s@2
			accept cluster`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}

// TestComingBackToOtherContentBreaksNothing plays an Envoy whose server was started
// again with another content, and that asks for all it needs at once.
func TestComingBackToOtherContentBreaksNothing(t *testing.T) {
	newStage(t, true, start(t), start(t)).play(`
		publish cluster/old@1 listener/l@1 route/r>old@1
		> cluster
		< cluster old@1
		> listener
		< listener l@1
		> route +r
		< route r@1
		restart
		publish cluster/new@1 listener/l@1 route/r>new@2
		> cluster
		< cluster new@1 unanswered
		> listener
		> route +r
		accept cluster
		< route r@2 unanswered
		accept route
		< cluster -old`)
}

// TestPatience plays clients that never answer: what builds on the answer comes
// all the same, late.
func TestPatience(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
		late script // comes when patience is at its end
	}{
		{"changes of what refers", `
			publish cluster/a@1 route/r>a@1
			> cluster
			< cluster a@1
			> route +r
			< route r@1
			publish cluster/a@2 route/r>a@2
			< cluster a@2 unanswered`, `
			< route r@2`},
		{"removals", `
			publish cluster/a@1 cluster/b@1 route/r>a@1
			> cluster
			< cluster a@1 b@1
			> route +r
			< route r@1
			publish cluster/b@1 route/r>b@2
			< route r@2 unanswered`, `
			sotw < cluster b@1
			delta < cluster -a`},
	}
	for _, row := range rows {
		for _, delta := range []bool{false, true} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, delta, start(t))
				s.play(row.script)
				before := time.Now()
				s.play(row.late)
				if waited := time.Since(before); waited < time.Second {
					t.Errorf("came after %v, before anything else could", waited)
				}
			})
		}
	}
}
