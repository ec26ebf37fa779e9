package xds_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/contour-xds/contour/internal/xds"
)

// only returns the one stream that is open.
func (f *fixture) only() xds.Stream {
	f.t.Helper()
	all := slices.Collect(f.Streams())
	if len(all) != 1 {
		f.t.Fatalf("%d streams are open", len(all))
	}
	return all[0]
}

// standsAt waits until the only stream stands at the type as ok says.
func (f *fixture) standsAt(label, what string, ok func(xds.TypeStatus) bool) xds.TypeStatus {
	f.t.Helper()
	var last []xds.Stream
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if last = slices.Collect(f.Streams()); len(last) != 1 {
			continue
		}
		for _, found := range last[0].Types {
			if found.Label == label && ok(found) {
				return found
			}
		}
	}
	f.t.Fatalf("never came: %s; it stands at %+v", what, last)
	panic("not reached")
}

func inSync(t xds.TypeStatus) bool { return t.InSync }

func TestAStreamSaysWhatItsClientAcceptedAndRefused(t *testing.T) {
	for _, delta := range []bool{false, true} {
		f := start(t)
		p := newPeer(t, f.conn, delta)
		p.subscribe("cluster", nil, nil)
		first := p.next()
		sent := f.standsAt("cluster", "it is sent and not answered", func(s xds.TypeStatus) bool { return s.Sent.Version == first.version && !s.InSync })
		if sent.Acked.Version != "" || !sent.Acked.At.IsZero() || sent.Refusing || !sent.Wildcard || time.Since(sent.Sent.At) > time.Minute {
			t.Errorf("sent and not answered: %+v", sent)
		}
		p.answer("cluster", false)
		acked := f.standsAt("cluster", "it is accepted", inSync)
		if acked.Acked.Version != first.version || acked.Acked.At.Before(sent.Sent.At) || !acked.Refused.At.IsZero() {
			t.Errorf("accepted: %+v", acked)
		}

		f.Publish(snapshot(t, strings.ReplaceAll(everyType, "connect_timeout: 1s", "connect_timeout: 2s")))
		second := p.next()
		f.standsAt("cluster", "a newer one is sent", func(s xds.TypeStatus) bool {
			return !s.InSync && s.Sent.Version == second.version && s.Acked.Version == first.version
		})
		p.answer("cluster", true)
		refused := f.standsAt("cluster", "it is refused", func(s xds.TypeStatus) bool { return s.Refusing })
		if refused.InSync || refused.Refused.Version != second.version || refused.Reason != "no" || refused.Acked != acked.Acked {
			t.Errorf("refused: %+v", refused)
		}

		f.Publish(snapshot(t, strings.ReplaceAll(everyType, "connect_timeout: 1s", "connect_timeout: 3s")))
		third := p.next()
		p.answer("cluster", false)
		remedied := f.standsAt("cluster", "what came instead is accepted", inSync)
		if remedied.Acked.Version != third.version || remedied.Refusing || remedied.Refused != refused.Refused {
			t.Errorf("accepted after a refusal: %+v", remedied)
		}
		p.end()
		f.eventually("the stream is gone", func() bool { return len(slices.Collect(f.Streams())) == 0 })
	}
}

// TestWhatAnotherAnswerCoversUpIsNotInSync has a client refuse a route, and then accept
// another one that it asks for while clusters keep routes back: it may lack the first
// one still.
func TestWhatAnotherAnswerCoversUpIsNotInSync(t *testing.T) {
	f := start(t)
	p := newPeer(t, f.conn, true)
	for label, names := range map[string][]string{"cluster": {"*"}, "route": {"a-route"}} {
		p.subscribe(label, names, nil)
		p.next()
		p.answer(label, false)
	}
	f.standsAt("route", "it is accepted", inSync)
	changed := strings.ReplaceAll(everyType, "name: a-route", "name: a-route\n  virtual_hosts: [{name: x, domains: [x]}]")
	f.Publish(snapshot(t, changed))
	p.next()
	p.answer("route", true)
	refused := f.standsAt("route", "it is refused", func(s xds.TypeStatus) bool { return s.Refusing })

	f.Publish(snapshot(t, strings.ReplaceAll(changed, "connect_timeout: 1s", "connect_timeout: 2s")))
	if u := p.next(); u.label != "cluster" {
		t.Fatalf("got %v", u)
	}
	p.subscribe("route", []string{"b-route"}, nil)
	if u := p.next(); u.label != "route" || len(u.changed) != 0 {
		t.Fatalf("got %v", u)
	}
	p.answer("route", false)
	s := f.standsAt("route", "the second one is accepted", func(s xds.TypeStatus) bool { return s.Acked.At.After(refused.Acked.At) })
	if s.InSync || !s.Refusing || s.Names != 2 || s.Wildcard {
		t.Errorf("got %+v", s)
	}
}

// TestAClientThatCameWithEverythingIsInSync is sent nothing, and so accepts nothing.
func TestAClientThatCameWithEverythingIsInSync(t *testing.T) {
	for _, delta := range []bool{false, true} {
		f := start(t)
		p := newPeer(t, f.conn, delta)
		p.subscribe("cluster", nil, nil)
		u := p.next()
		p.answer("cluster", false)
		f.standsAt("cluster", "it is accepted", inSync)
		p.end()
		f.eventually("the stream is gone", func() bool { return len(slices.Collect(f.Streams())) == 0 })
		p.connect()
		p.subscribe("cluster", nil, nil)
		s := f.standsAt("cluster", "it is in sync", inSync)
		if s.Acked.Version == "" || !delta && s.Acked.Version != u.version || !s.Sent.At.IsZero() {
			t.Errorf("got %+v", s)
		}
	}
}

func TestAStreamIsKnownByItsFirstRequest(t *testing.T) {
	f := start(t, func(c *xds.Config) { c.Gate = nil })
	before := time.Now()
	stream := openDelta(f, adsDelta)
	f.eventually("it is there before it says anything", func() bool { return len(slices.Collect(f.Streams())) == 1 })
	if s := f.only(); s.NodeID != "" || s.Types != nil {
		t.Errorf("got %+v", s)
	}
	first := &corev3.Node{
		Id: "me", Cluster: "mine", UserAgentName: strings.Repeat("x", 500),
		UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{
			Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40, Patch: 2},
		}},
	}
	ask(t, stream, &discovery.DeltaDiscoveryRequest{Node: first, TypeUrl: secretType, ResourceNamesSubscribe: []string{"a", "b"}})
	forged := &corev3.Node{Id: "other", Cluster: "theirs", UserAgentName: "other"}
	ask(t, stream, &discovery.DeltaDiscoveryRequest{Node: forged, TypeUrl: clusterType, ResourceNamesSubscribe: []string{"*"}})
	s := f.only()
	if s.NodeID != "me" || s.Group != "mine" || s.UserAgentVersion != "1.40.2" || s.Service != "ads" || s.Protocol != "delta" {
		t.Errorf("got %+v", s)
	}
	if len(s.UserAgent) > 70 || !strings.HasPrefix(s.UserAgent, "xxx") {
		t.Errorf("the user agent has %d bytes", len(s.UserAgent))
	}
	if s.Peer == nil || s.Opened.Before(before) || s.Opened.After(time.Now()) {
		t.Errorf("got %+v", s)
	}
	if len(s.Types) != 2 || s.Types[0].Label != "secret" || s.Types[0].Names != 2 || s.Types[1].URL != clusterType {
		t.Errorf("got %+v", s.Types)
	}
}

// TestNobodyWhoDoesNotReadKeepsOthersFromLooking has streams blocked in the middle of a
// response.
func TestNobodyWhoDoesNotReadKeepsOthersFromLooking(t *testing.T) {
	f := start(t)
	publish := bigSecrets(t, f.Publish)
	publish()
	stalled := openDelta(f, adsDelta)
	for range 3 { // the later ones find the stream blocked
		if err := stalled.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: secretType, ResourceNamesSubscribe: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
	}
	f.eventually("a response is on its way", func() bool { return f.value("contour_xds_responses_total", "secret") > 0 })
	publish()
	seen := make(chan xds.TypeStatus)
	go func() {
		for s := range f.Streams() {
			seen <- s.Types[0]
		}
	}()
	select {
	case s := <-seen:
		if s.InSync || s.Sent.Version == "" {
			t.Errorf("got %+v", s)
		}
	case <-time.After(patience / 3):
		t.Error("it waits for a client that does not read")
		stalled.CloseSend() //nolint:errcheck // it is over
	}
}

// TestARefusalIsShownWithoutTheConfigurationItRepeats looks for a key.
func TestARefusalIsShownWithoutTheConfigurationItRepeats(t *testing.T) {
	f := start(t)
	stream := openDelta(f, adsDelta)
	resp := ask(t, stream, &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: secretType, ResourceNamesSubscribe: []string{"a-secret"}})
	err := stream.Send(&discovery.DeltaDiscoveryRequest{
		TypeUrl: secretType, ResponseNonce: resp.GetNonce(),
		ErrorDetail: &rpcstatus.Status{Message: "no good -----BEGIN PRIVATE KEY-----\nMIIsecret " + strings.Repeat("x", 5000)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := f.standsAt("secret", "it is refused", func(s xds.TypeStatus) bool { return s.Refusing })
	if s.Reason != "no good [configuration left out]" {
		t.Errorf("got %q", s.Reason)
	}
}

// TestWhatIsKeptBackIsNotInSync has routes wait for clusters, so that nothing of theirs is
// under way.
func TestWhatIsKeptBackIsNotInSync(t *testing.T) {
	f := start(t)
	p := newPeer(t, f.conn, true)
	for label, names := range map[string][]string{"cluster": {"*"}, "route": {"a-route"}} {
		p.subscribe(label, names, nil)
		p.next()
		p.answer(label, false)
		f.standsAt(label, "it is accepted", inSync)
	}
	f.Publish(snapshot(t, strings.NewReplacer("connect_timeout: 1s", "connect_timeout: 2s",
		"name: a-route", "name: a-route\n  virtual_hosts: [{name: x, domains: [x]}]").Replace(everyType)))
	p.next()
	s := f.standsAt("route", "it is kept back", func(s xds.TypeStatus) bool { return !s.InSync })
	if s.Refusing || s.Sent.Version != s.Acked.Version {
		t.Errorf("got %+v", s)
	}
}
