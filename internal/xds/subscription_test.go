package xds_test

import (
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// TestSubscriptions plays each way of changing a subscription (xDS protocol, "How
// the client specifies what resources to return").
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"naming nothing at first means everything", `
			publish cluster/a@1 cluster/b@1 listener/l@1
			> cluster
			< cluster a@1 b@1
			> listener
			< listener l@1
			publish cluster/a@1 cluster/b@2 cluster/c@1 listener/l@1
			sotw < cluster a@1 b@2 c@1
			delta < cluster b@2 c@1`},
		{"naming nothing at first means nothing where missing resources are kept", `
			publish endpoint/a@1 route/r@1 secret/s@1
			> endpoint
			> route
			> secret
			> endpoint +a
			< endpoint a@1`},
		{"the first wildcard is answered though there is nothing", `
			> cluster
			< cluster
			> listener +*
			< listener
			> endpoint +*
			< endpoint
			publish cluster/a@1
			< cluster a@1`},
		{"the wildcard by its name holds for every type", `
			publish cluster/a@1 endpoint/a@1 endpoint/b@1
			> endpoint +*
			< endpoint a@1 b@1
			> cluster +*
			< cluster a@1
			publish cluster/a@2 endpoint/a@2 endpoint/b@1
			< cluster a@2
			sotw < endpoint a@2 b@1
			delta < endpoint a@2`},
		{"naming is for just these", `
			publish cluster/a@1 cluster/b@1 cluster/c@1
			> cluster +a +b
			< cluster a@1 b@1
			publish cluster/a@1 cluster/b@1 cluster/c@2
			publish cluster/a@1 cluster/b@2 cluster/c@2
			sotw < cluster a@1 b@2
			delta < cluster b@2`},
		{"a name is added", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a
			< endpoint a@1
			> endpoint +b
			< endpoint b@1
			publish endpoint/a@2 endpoint/b@1
			< endpoint a@2`},
		{"a name is added to a type that is sent whole", `
			publish cluster/a@1 cluster/b@1 cluster/c@1
			> cluster +a
			< cluster a@1
			> cluster +b
			sotw < cluster a@1 b@1
			delta < cluster b@1`},
		{"a name is taken back", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1
			> endpoint -a
			publish endpoint/a@2 endpoint/b@1
			publish endpoint/b@1
			publish endpoint/b@2
			< endpoint b@2`},
		{"one is taken back and another added at once", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a
			< endpoint a@1
			> endpoint +b -a
			< endpoint b@1
			publish endpoint/a@2 endpoint/b@1`},
		{"what was taken back is sent when it is wanted again", `
			publish endpoint/a@1 endpoint/b@1
			> endpoint +a +b
			< endpoint a@1 b@1
			> endpoint -a
			> endpoint +a
			< endpoint a@1`},
		{"all names are taken back", `
			publish endpoint/a@1 cluster/a@1
			> endpoint +a
			< endpoint a@1
			> cluster +a
			< cluster a@1
			> endpoint -a
			> cluster -a
			publish endpoint/a@2 cluster/a@2
			publish
			> cluster +a
			sotw < cluster
			delta < cluster -a`},
		{"nothing named means nothing once something was", `
			publish cluster/a@1 cluster/b@1
			> cluster +a
			< cluster a@1
			> cluster -a
			publish cluster/a@2 cluster/b@2`},
		{"from everything, unnamed, to a name and beyond", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			> cluster +a
			< cluster a@1
			delta publish cluster/a@1 cluster/b@2
			delta < cluster b@2
			delta > cluster -*
			publish cluster/a@1 cluster/b@3
			publish cluster/a@2 cluster/b@3
			< cluster a@2`},
		{"from the wildcard to a name and back", `
			publish cluster/a@1 cluster/b@1
			> cluster +*
			< cluster a@1 b@1
			> cluster +a -*
			< cluster a@1
			publish cluster/a@1 cluster/b@2
			> cluster +* -a
			< cluster a@1 b@2
			publish cluster/a@1 cluster/b@3
			sotw < cluster a@1 b@3
			delta < cluster b@3`},
		{"the wildcard is given up for nothing", `
			publish cluster/a@1
			> cluster +*
			< cluster a@1
			> cluster -*
			publish cluster/a@2
			publish cluster/b@1
			> cluster +*
			< cluster b@1`},
		{"a name beside the wildcard is told, be it known", `
			publish cluster/a@1 cluster/b@1
			> cluster +*
			< cluster a@1 b@1
			> cluster +a
			sotw < cluster a@1 b@1
			delta < cluster a@1
			> cluster +none
			sotw < cluster a@1 b@1
			delta < cluster -none`},
		{"a name that was beside the wildcard stays when that goes", `
			publish cluster/a@1 cluster/b@1
			> cluster +* +a
			< cluster a@1 b@1
			> cluster -*
			publish cluster/a@1 cluster/b@2
			publish cluster/a@2 cluster/b@2
			< cluster a@2`},
		// The client drops it, and could not know that the wildcard covers it.
		{"a name that the wildcard covers is told when it is taken back", `
			publish cluster/a@1 cluster/b@1
			> cluster +* +a +none
			sotw < cluster a@1 b@1
			delta < cluster a@1 b@1 -none
			> cluster -a
			delta < cluster a@1
			> cluster -none
			delta < cluster -none`},
		{"a name and the wildcard are taken back at once", `
			publish cluster/a@1
			> cluster +* +a
			< cluster a@1
			> cluster -a -*
			publish cluster/a@2`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}

func TestAKnownNameIsSentAgainWhenItIsSubscribedAgain(t *testing.T) {
	newStage(t, true, start(t)).play(`
		publish endpoint/a@1 endpoint/b@1
		> endpoint +a +b
		< endpoint a@1 b@1
		> endpoint +a
		< endpoint a@1
		> endpoint +none
		< endpoint -none
		> endpoint +none
		< endpoint -none`)
}

func TestANameThatIsGivenTwiceStandsForNoOther(t *testing.T) {
	f := start(t)
	f.Publish(content{"endpoint/a": 1, "endpoint/b": 1}.snapshot(t))
	stream := openSotW(f, adsSotW)
	request := func(nonce string, names ...string) *discovery.DiscoveryRequest {
		return &discovery.DiscoveryRequest{Node: node, TypeUrl: typeURL("endpoint"), ResponseNonce: nonce, ResourceNames: names}
	}
	first := ask(t, stream, request("", "a", "b"))
	if err := stream.Send(request(first.GetNonce(), "a", "a")); err != nil { // b is given up
		t.Fatal(err)
	}
	if again := ask(t, stream, request(first.GetNonce(), "a", "b")); len(again.GetResources()) != 1 {
		t.Errorf("got %v", again)
	}
}

func TestTheWildcardIsAnsweredInFullWhenItIsSubscribedAgain(t *testing.T) {
	newStage(t, true, start(t)).play(`
		publish cluster/a@1 cluster/b@1
		> cluster +*
		< cluster a@1 b@1
		> cluster +*
		< cluster a@1 b@1`)
}
