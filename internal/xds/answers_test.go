package xds_test

import (
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
)

// TestAnswers plays acceptance, refusal and the want of either (xDS protocol,
// "ACK/NACK and resource type instance version").
func TestAnswers(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		script
	}{
		{"an acceptance is not answered", `
			publish cluster/a@1 endpoint/a@1
			> cluster
			< cluster a@1
			> endpoint +a
			< endpoint a@1`},
		{"a refusal is not answered by the same again, and the next change is sent", `
			publish cluster/a@1 cluster/b@1
			> cluster
			< cluster a@1 b@1
			publish cluster/a@1 cluster/b@2
			sotw < cluster a@1 b@2 refused
			delta < cluster b@2 refused
			publish cluster/a@1 cluster/b@2
			publish cluster/a@1 cluster/b@3
			sotw < cluster a@1 b@3
			delta < cluster b@3`},
		{"the next change may be back to what is still in force", `
			publish cluster/a@1 endpoint/a@1
			> cluster
			< cluster a@1
			> endpoint +a
			< endpoint a@1
			publish cluster/a@1 endpoint/a@2
			< endpoint a@2 refused
			publish cluster/a@1 endpoint/a@1
			< endpoint a@1
			publish cluster/a@2 endpoint/a@1
			< cluster a@2 refused
			publish cluster/a@1 endpoint/a@1
			< cluster a@1`},
		{"the very first response is refused", `
			publish cluster/a@1
			> cluster
			< cluster a@1 refused
			publish cluster/a@2
			< cluster a@2`},
		{"changes that come while a response is not answered are one, and the newest", `
			publish cluster/a@1 cluster/b@1 endpoint/a@1
			> cluster
			< cluster a@1 b@1 unanswered
			> endpoint +a
			< endpoint a@1 unanswered
			publish cluster/a@2 cluster/b@1 endpoint/a@2
			publish cluster/a@3 cluster/b@1 cluster/c@1 endpoint/a@3
			publish cluster/a@4 cluster/b@2 endpoint/a@4
			accept cluster
			sotw < cluster a@4 b@2
			delta < cluster a@4 b@2
			accept endpoint
			< endpoint a@4`},
		{"a change that is taken back before it could be sent is none", `
			publish cluster/a@1 endpoint/a@1
			> cluster
			< cluster a@1 unanswered
			> endpoint +a
			< endpoint a@1 unanswered
			publish cluster/a@2 endpoint/a@2
			publish cluster/a@1 endpoint/a@1
			accept cluster
			accept endpoint`},
		{"what came and went before it could be sent is not told of", `
			publish cluster/a@1
			> cluster
			< cluster a@1 unanswered
			publish cluster/a@1 cluster/b@1
			publish cluster/a@1
			accept cluster`},
		{"publishing the same again is no change", `
			publish cluster/a@1 endpoint/a@1 listener/l@1 secret/s@1
			> cluster
			< cluster a@1
			> endpoint +a
			< endpoint a@1
			> listener
			< listener l@1
			> secret +s
			< secret s@1
			publish cluster/a@1 endpoint/a@1 listener/l@1 secret/s@1
			publish cluster/a@1 endpoint/a@1 listener/l@1 secret/s@1 secret/other@1 route/r@1`},
		{"a removal that could not be told yet is told after a wildcard anew", `
			publish cluster/a@1 cluster/b@1
			> cluster +a +b
			< cluster a@1 b@1 unanswered
			publish cluster/a@1
			delta > cluster +*
			delta < cluster a@1 b@1
			accept cluster
			sotw < cluster a@1
			delta < cluster -b`},
		{"a removal of what waits for nobody is told after a wildcard anew, beside what is held back", `
			publish cluster/a@1 secret/s@1 secret/t@1
			> cluster
			< cluster a@1
			> secret +s +t
			< secret s@1 t@1 unanswered
			publish cluster/a@2 secret/s@1 secret/t@1
			< cluster a@2 unanswered
			publish cluster/a@3 secret/t@1
			delta > secret +*
			delta < secret t@1 -s unanswered
			accept secret
			delta accept secret
			accept cluster
			< cluster a@3`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			variants(t, row.script)
		})
	}
}

func TestAnAnswerToTheNewestResponseAnswersTheEarlierOnes(t *testing.T) {
	f := start(t)
	f.Publish(content{"endpoint/a": 1, "endpoint/b": 1}.snapshot(t))
	stream := openDelta(f, adsDelta)
	url := typeURL("endpoint")
	ask(t, stream, &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: url, ResourceNamesSubscribe: []string{"a"}})
	second := ask(t, stream, &discovery.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: []string{"b"}})
	if err := stream.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: url, ResponseNonce: second.GetNonce()}); err != nil {
		t.Fatal(err)
	}
	f.Publish(content{"endpoint/a": 2, "endpoint/b": 1}.snapshot(t))
	if u := receive(t, stream, deltaUpdate); u.String() != "endpoint a@2" {
		t.Errorf("got %q", u)
	}
}

// TestStaleRequests holds the state-of-the-world variant to passing over a request
// that answers another response than the last one.
func TestStaleRequests(t *testing.T) {
	f := start(t)
	f.Publish(content{"endpoint/a": 1, "endpoint/b": 1}.snapshot(t))
	url := typeURL("endpoint")
	stream := openSotW(f, adsSotW)
	first := ask(t, stream, &discovery.DiscoveryRequest{Node: node, TypeUrl: url, ResourceNames: []string{"a"}})
	second := ask(t, stream, &discovery.DiscoveryRequest{TypeUrl: url, ResourceNames: []string{"a", "b"}, ResponseNonce: first.GetNonce(), VersionInfo: first.GetVersionInfo()})
	if first.GetNonce() == second.GetNonce() || first.GetNonce() == "" {
		t.Errorf("nonces %q and %q", first.GetNonce(), second.GetNonce())
	}
	for _, stale := range []*discovery.DiscoveryRequest{
		{TypeUrl: url, ResourceNames: []string{"c"}, ResponseNonce: first.GetNonce()},
		{TypeUrl: url, ResourceNames: []string{"c"}, ResponseNonce: "made up"},
		{TypeUrl: url, ResourceNames: []string{"c"}},
		{TypeUrl: url, ResourceNames: []string{"c"}, ResponseNonce: first.GetNonce(), ErrorDetail: &rpcstatus.Status{Message: "no"}},
	} {
		if err := stream.Send(stale); err != nil {
			t.Fatal(err)
		}
	}
	// Had one been taken, the subscription would be another.
	if err := stream.Send(&discovery.DiscoveryRequest{TypeUrl: url, ResourceNames: []string{"a", "b"}, ResponseNonce: second.GetNonce(), VersionInfo: second.GetVersionInfo()}); err != nil {
		t.Fatal(err)
	}
	f.Publish(content{"endpoint/a": 1, "endpoint/b": 2, "endpoint/c": 1}.snapshot(t))
	if u := receive(t, stream, sotwUpdate); u.String() != "endpoint b@2" {
		t.Errorf("got %q", u)
	}
}

// receive returns the next response of a stream.
func receive[Req, Resp any](t testing.TB, stream interface {
	Recv() (*Resp, error)
	Send(*Req) error
}, read func(testing.TB, *Resp) update,
) update {
	t.Helper()
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}
