package xds_test

import "testing"

// TestReconnecting plays clients that come back with what they have, to the same
// process and to another one.
func TestReconnecting(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"one that lacks nothing is sent nothing", `
			publish cluster/a@1 cluster/b@1 listener/l@1
			> cluster
			< cluster a@1 b@1
			> listener +*
			< listener l@1
			reconnect
			> cluster
			> listener +*
			restart
			> cluster
			> listener +*
			publish cluster/a@2 cluster/b@1 listener/l@1
			sotw < cluster a@2 b@1
			delta < cluster a@2`},
		{"one that has an older version of one is sent that", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			publish cluster/a@1 cluster/b@2
			sotw < cluster a@1 b@2 unanswered
			delta < cluster b@2 unanswered
			restart
			> cluster
			sotw < cluster a@1 b@2
			delta < cluster b@2`},
		{"one that has what is gone is told its name", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			publish cluster/a@1
			sotw < cluster a@1 unanswered
			delta < cluster -b unanswered
			restart
			> cluster
			sotw < cluster a@1
			delta < cluster -b`},
		{"one that has only what is gone is told so", `
			publish cluster/a@1
			> cluster
			< cluster a@1
			publish
			sotw < cluster unanswered
			delta < cluster -a unanswered
			reconnect
			> cluster
			sotw < cluster
			delta < cluster -a`},
		{"one that has nothing of a type that holds nothing is told so again", `
			publish cluster/a@1
			> listener
			< listener
			reconnect
			> listener
			delta < listener`},
		{"what it names it is sent again", `
			publish cluster/a@1 endpoint/a@1 endpoint/b@1
			> cluster
			< cluster a@1
			> endpoint +a +b
			< endpoint a@1 b@1
			restart
			> cluster
			> endpoint +a +b
			< endpoint a@1 b@1`},
		{"what it names beside a wildcard it is sent again, and nothing more", `
			publish cluster/a@1 cluster/b@1
			> cluster +* +a
			< cluster a@1 b@1
			reconnect
			> cluster +* +a
			sotw < cluster a@1 b@1
			delta < cluster a@1`},
		{"what it names and what is gone is told", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1
			reconnect
			publish endpoint/b@1
			> endpoint +a +b
			sotw < endpoint b@1
			delta < endpoint b@1 -a`},
		{"one with a subset is not taken for one with the whole", `
			publish cluster/a@1 cluster/b@1
			> cluster +a
			< cluster a@1
			restart
			> cluster
			sotw < cluster a@1 b@1
			delta < cluster b@1`},
		{"one with the whole is not taken for one with a subset", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			restart
			> cluster +a
			< cluster a@1`},
		{"one that refused is sent it again", `
			publish cluster/a@1
			> cluster
			< cluster a@1
			publish cluster/a@2
			< cluster a@2 refused
			reconnect
			> cluster
			< cluster a@2`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}

// TestRemovals plays resources that go, that never were, and that appear.
func TestRemovals(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"one of all goes", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			publish cluster/b@1
			sotw < cluster b@1
			delta < cluster -a`},
		{"the last one goes, and comes back", `
			publish cluster/a@1 listener/l@1
			> cluster
			< cluster a@1
			> listener
			< listener l@1
			publish
			sotw < listener
			sotw < cluster
			delta < listener -l
			delta < cluster -a
			publish cluster/a@1 listener/l@1
			< cluster a@1
			< listener l@1`},
		{"a named one goes, and comes back", `
			publish cluster/a@1 cluster/b@1
			> cluster +a +b
			< cluster a@1 b@1
			publish cluster/a@1
			sotw < cluster a@1
			delta < cluster -b
			publish cluster/a@1 cluster/b@1
			sotw < cluster a@1 b@1
			delta < cluster b@1`},
		// Of endpoints, routes and secrets an Envoy keeps what is missing, until it does
		// not need it any more.
		{"one of a type that is kept goes, and another comes in its place", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1
			publish endpoint/b@1
			delta < endpoint -a
			publish endpoint/a@2 endpoint/b@1
			< endpoint a@2`},
		{"one that does not exist is answered, and sent when it appears", `
			publish cluster/a@1
			> cluster +none
			sotw < cluster
			delta < cluster -none
			> endpoint +none
			sotw < endpoint
			delta < endpoint -none
			> secret +none
			sotw < secret
			delta < secret -none
			publish cluster/none@1 endpoint/none@1 secret/none@1
			< secret none@1
			< cluster none@1
			< endpoint none@1`},
		{"one that does not exist beside one that does", `
			publish endpoint/a@1
			> endpoint +a +none
			sotw < endpoint a@1
			delta < endpoint a@1 -none
			publish endpoint/a@1 endpoint/none@1
			< endpoint none@1`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}
