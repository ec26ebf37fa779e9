package xds_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/resources"
)

// fuzzContents are what FuzzRequests publishes.
var fuzzContents = []content{
	{},
	{"cluster/a": 1, "cluster/b": 1, "endpoint/a": 1, "listener/a": 1, "route/a": 1, "secret/a": 1},
	{"cluster/a": 2, "endpoint/a": 1, "endpoint/b": 1, "listener/b": 1, "route/a": 2, "route/b": 1, "secret/b": 1},
	{"cluster/b": 1, "cluster/c": 1, "endpoint/a": 2, "listener/a": 1, "secret/a": 2, "secret/b": 1},
}

// FuzzRequests lets a client ask for whatever it likes, sound or not, while the
// content changes. The server lives on, a stream ends with a status of the protocol,
// and nothing is sent that does not exist or is not called by its own name.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		"", "\x00", "\x01\x10\x00\x11\x05\x21\x31", "\x00\x10\x02\x80\x03\x10\x01\x80\x01\x20\x07\x80\x02",
		"\x01\x10\x1f\x10\x20\x80\x00\x80\x01\x80\x02\x80\x03\x40\x02\x50\x05\x60\x04", "\x00\x70\xff\x10\xff\x11\xff\x12\xff",
		"\x01\x14\x3f\x54\x3f\x34\x3f\x80\x02\x24\x00\x80\x03\x10\x20\x30\x20\x80\x00\x90\x00",
	} {
		f.Add([]byte(seed))
	}
	server := start(f)
	var snapshots []*resources.Snapshots
	for _, c := range fuzzContents {
		snapshots = append(snapshots, c.snapshot(f))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		server.Publish(snapshots[1])
		delta := len(script) > 0 && script[0]&1 == 1
		talk := newFuzzTalk(t, server, delta)
		for pair := range slices.Chunk(script[min(1, len(script)):], 2) {
			if len(pair) == 2 && pair[0]>>4 >= 8 {
				server.Publish(snapshots[int(pair[1])%len(snapshots)])
				continue
			}
			if len(pair) == 2 && talk.say(pair[0], pair[1]) != nil {
				break // the stream is over; why is checked below
			}
		}
		talk.finish()
		visit(t, server.conn, node, delta) // the server lives
	})
}

// A fuzzTalk is a stream whose requests are made of bytes.
type fuzzTalk struct {
	t      *testing.T
	say    func(act, detail byte) error
	finish func()
}

func newFuzzTalk(t *testing.T, f *fixture, delta bool) *fuzzTalk {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ads := discovery.NewAggregatedDiscoveryServiceClient(f.conn)
	var receive func() (update, error)
	var closeSend func() error
	talk := &fuzzTalk{t: t}
	if delta {
		stream, err := ads.DeltaAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		closeSend = stream.CloseSend
		talk.say = func(act, detail byte) error { return stream.Send(fuzzDelta(act, detail)) }
		receive = func() (update, error) { resp, err := stream.Recv(); return deltaUpdate(t, resp), err }
	} else {
		stream, err := ads.StreamAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		closeSend = stream.CloseSend
		talk.say = func(act, detail byte) error { return stream.Send(fuzzSotW(act, detail)) }
		receive = func() (update, error) { resp, err := stream.Recv(); return sotwUpdate(t, resp), err }
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			u, err := receive()
			if err != nil {
				if code := status.Code(err); err.Error() != "EOF" && code != codes.InvalidArgument && code != codes.Canceled {
					t.Errorf("the stream ended with %v", err)
				}
				return
			}
			checkExists(t, u)
		}
	}()
	talk.finish = func() {
		_ = closeSend()
		select {
		case <-over:
		case <-time.After(patience):
			t.Error("the stream does not end")
		}
		cancel()
		<-over
	}
	return talk
}

// checkExists holds a response to what was ever published.
func checkExists(t *testing.T, u update) {
	for name, has := range u.changed {
		if u.label == probeLabel && strings.HasPrefix(name, "probe-") {
			continue
		}
		if !slices.ContainsFunc(fuzzContents, func(c content) bool { return c.of(u.label)[name] == has.revision && has.revision > 0 }) {
			t.Errorf("%s %s at revision %d was never published", u.label, name, has.revision)
		}
	}
}

// fuzzNames are names that a byte selects, one by a bit.
func fuzzNames(bits byte) []string {
	var selected []string
	for i, name := range []string{"a", "b", "none", "", strings.Repeat("long", 50), "*"} {
		if bits&(1<<i) != 0 {
			selected = append(selected, name)
		}
	}
	return selected
}

// fuzzType is one of the types served, one that is not, or none.
func fuzzType(b byte) string {
	if all := resources.Types(); int(b) < len(all) {
		return all[b].URL
	}
	return []string{"type.googleapis.com/made.up", "", clusterType}[int(b)%3]
}

// fuzzAnswer is the nonce and the refusal that a request bears.
func fuzzAnswer(act, detail byte) (nonce string, refusal *rpcstatus.Status) {
	switch act >> 4 & 7 {
	case 2:
		nonce = strconv.Itoa(int(detail & 31))
	case 3:
		nonce, refusal = strconv.Itoa(int(detail&31)), &rpcstatus.Status{Code: 3, Message: "no"}
	case 4:
		nonce = "made up"
	case 5:
		refusal = &rpcstatus.Status{Code: 3}
	}
	return nonce, refusal
}

func fuzzDelta(act, detail byte) *discovery.DeltaDiscoveryRequest {
	nonce, refusal := fuzzAnswer(act, detail)
	req := &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: fuzzType(act & 15), ResponseNonce: nonce, ErrorDetail: refusal}
	switch act >> 4 & 7 {
	case 0, 6:
		req.ResourceNamesUnsubscribe = fuzzNames(detail)
	case 1, 4:
		req.ResourceNamesSubscribe = fuzzNames(detail)
	case 7:
		req.ResourceNamesSubscribe, req.ResourceNamesUnsubscribe = fuzzNames(detail), fuzzNames(detail>>1)
	}
	if detail&64 != 0 {
		req.InitialResourceVersions = map[string]string{}
		for _, name := range fuzzNames(detail) {
			req.InitialResourceVersions[name] = fmt.Sprint(detail)
		}
	}
	return req
}

func fuzzSotW(act, detail byte) *discovery.DiscoveryRequest {
	nonce, refusal := fuzzAnswer(act, detail)
	return &discovery.DiscoveryRequest{
		Node: node, TypeUrl: fuzzType(act & 15), ResponseNonce: nonce, ErrorDetail: refusal,
		ResourceNames: fuzzNames(detail), VersionInfo: strings.Repeat("v", int(detail>>6)),
	}
}
