package fleet_test

import (
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/fleet"
)

// see waits until the clients that an operator sees are as ok says, by node.
func (s *server) see(what string, ok func(map[string]fleet.Client) bool) map[string]fleet.Client {
	s.t.Helper()
	call := s.tls(s.new.Issue(s.t, operator()))
	var found map[string]fleet.Client
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		clients, err := call.Do(s.t.Context())
		must(s.t, err)
		found = make(map[string]fleet.Client)
		for _, c := range clients {
			found[c.NodeID] = c
		}
		if len(found) == len(clients) && ok(found) {
			return found
		}
	}
	s.t.Fatalf("never came: %s; there are %+v", what, found)
	return nil
}

func TestAnOperatorSeesWhoIsWhereAndWithWhat(t *testing.T) {
	s := serve(t)
	begun := time.Now().Add(-time.Second)
	node := func(id, group string) *corev3.Node {
		return &corev3.Node{
			Id: id, Cluster: group, UserAgentName: "envoy",
			UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.40.0"},
		}
	}
	ending := named("edge.example.org")
	ending.NotAfter = time.Now().Add(time.Hour).Truncate(time.Second)
	pair := s.new.Issue(t, ending)
	good := s.envoy(s.dial(pair), node("good", "edge"))
	bad := s.envoy(s.dial(s.old.Issue(t, named("core.example.org"))), node("bad", "core"))
	lazy := s.envoy(s.dial(s.new.Issue(t, named("lazy.example.org"))), node("lazy", "core"))
	first := s.see("all accept", func(all map[string]fleet.Client) bool {
		good, bad, lazy := all["good"], all["bad"], all["lazy"]
		return len(all) == 3 && good.State() == fleet.Synced && bad.State() == fleet.Synced && lazy.State() == fleet.Synced
	})
	s.xds.Publish(s.snapshots("2s"))
	good.next()
	good.answer("")
	bad.next()
	bad.answer("it is not good")
	lazy.next()
	all := s.see("one refuses", func(all map[string]fleet.Client) bool {
		good, bad, lazy := all["good"], all["bad"], all["lazy"]
		return good.State() == fleet.Synced && bad.State() == fleet.Refused && lazy.State() == fleet.Stale
	})

	c := all["good"]
	if c.Identity != "edge.example.org" || c.Rule != "envoys" || c.Group != "edge" || c.UserAgent != "envoy" || c.UserAgentVersion != "1.40.0" {
		t.Errorf("got %+v", c)
	}
	if len(c.Protocols) != 1 || c.Protocols[0] != "ads/delta" || !strings.HasPrefix(c.Address, "127.0.0.1:") || c.Connected.Before(begun) {
		t.Errorf("got %+v", c)
	}
	if !c.CertificateEnd.Equal(pair.Chain[0].NotAfter) || c.Root != credentials.RootFingerprint(s.new.Cert) || !c.OnNewestRoot {
		t.Errorf("got %+v", c)
	}
	before := first["good"].Types[0].Acked.Version
	if got := c.Types[0]; len(c.Types) != 1 || got.Name != "cluster" || !got.Wildcard || got.Streams != 1 || got.Acked.Version == before || got.Sent != got.Acked || got.Acked.At.Before(begun) {
		t.Errorf("got %+v", got)
	}
	if c := all["bad"]; c.Root != credentials.RootFingerprint(s.old.Cert) || c.OnNewestRoot {
		t.Errorf("got %+v", c)
	}
	if got := all["bad"].Types[0]; got.Reason != "it is not good" || got.Acked.Version != before || got.Refused.Version != c.Types[0].Acked.Version || got.Refused.At.Before(got.Sent.At.Add(-time.Second)) {
		t.Errorf("got %+v", got)
	}
	if got := all["lazy"].Types[0]; got.Acked.Version != before || got.Sent.Version != c.Types[0].Acked.Version || got.Reason != "" {
		t.Errorf("got %+v", got)
	}
}

// TestOneConnectionIsOneClientUnlessItClaimsToBeTwo opens streams on one.
func TestOneConnectionIsOneClientUnlessItClaimsToBeTwo(t *testing.T) {
	s := serve(t)
	conn := s.dial(s.new.Issue(t, named("edge.example.org")))
	for _, id := range []string{"one", "one", "forged"} {
		s.envoy(conn, &corev3.Node{Id: id, Cluster: "edge"})
	}
	all := s.see("both", func(all map[string]fleet.Client) bool { return len(all) == 2 && len(all["one"].Types) == 1 })
	if all["one"].Types[0].Streams != 2 || all["one"].Address != all["forged"].Address {
		t.Errorf("got %+v", all)
	}
	must(t, conn.Close())
	s.see("they are gone", func(all map[string]fleet.Client) bool { return len(all) == 0 })
}

func TestWhoHasARuleThatSaysSoSees(t *testing.T) {
	s := serve(t)
	s.envoy(s.dial(s.new.Issue(t, named("edge.example.org"))), &corev3.Node{Id: "one", Cluster: "edge"})
	clients, err := s.tls(s.new.Issue(t, named("monitor"))).Do(t.Context())
	if err != nil || len(clients) != 1 {
		t.Errorf("got %v, %v", clients, err)
	}
}

// TestNobodyElseSees has an Envoy ask in both ways, and with a request that is none.
func TestNobodyElseSees(t *testing.T) {
	s := serve(t)
	pair := s.new.Issue(t, certtest.Client())
	_, err := s.tls(pair).Do(t.Context())
	if err == nil || !strings.Contains(err.Error(), "may not see the fleet") {
		t.Errorf("got %v", err)
	}
	conn := s.dial(pair)
	stream, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).StreamClientStatus(t.Context())
	must(t, err)
	if _, err = stream.Recv(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	malformed := wrapperspb.String("\x0a") // field 1 of a request is a message
	err = conn.Invoke(t.Context(), statusv3.ClientStatusDiscoveryService_FetchClientStatus_FullMethodName, malformed, new(statusv3.ClientStatusResponse))
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("its request was read: %v", err)
	}
	if got := s.denied(); got != 3 {
		t.Errorf("%v are counted", got)
	}
	if !strings.Contains(s.log.String(), "reason=status_forbidden identity=envoy") {
		t.Errorf("logged %s", s.log)
	}
}

// TestEachRequestOfAStreamIsAuthorized takes the right away while the stream is open, and
// not the connection.
func TestEachRequestOfAStreamIsAuthorized(t *testing.T) {
	s := serve(t)
	conn := s.dial(s.new.Issue(t, named("monitor")))
	stream, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).StreamClientStatus(t.Context())
	must(t, err)
	ask := func() error {
		if err := stream.Send(new(statusv3.ClientStatusRequest)); err != nil {
			return err
		}
		_, err := stream.Recv()
		return err
	}
	must(t, ask())
	must(t, ask())
	certtest.WriteFile(t, s.policy, []byte("rules: [{name: all, identities: [monitor], groups: [some]}]\n"))
	for deadline := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		err = ask()
	}
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if s.denied() != 1 {
		t.Errorf("%v are counted", s.denied())
	}
}

func TestARequestMatchesNodes(t *testing.T) {
	s := serve(t)
	for _, id := range []string{"edge-1", "edge-2", "core-1"} {
		s.envoy(s.dial(s.new.Issue(t, named("edge.example.org"))), &corev3.Node{Id: id, Cluster: "edge"})
	}
	conn := s.dial(s.new.Issue(t, operator()))
	fetch := func(matchers ...*matcherv3.NodeMatcher) (string, error) {
		resp, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{NodeMatchers: matchers})
		var ids []string
		for _, c := range resp.GetConfig() {
			ids = append(ids, c.GetNode().GetId())
			for _, generic := range c.GetGenericXdsConfigs() {
				if generic.GetXdsConfig() != nil {
					t.Error("a resource is in it")
				}
			}
		}
		return strings.Join(ids, " "), err
	}
	for _, row := range matcherRows() {
		got, err := fetch(row.matchers...)
		if row.refused != "" {
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), row.refused) {
				t.Errorf("%s: got %v", row.name, err)
			}
			continue
		}
		if err != nil || got != row.want {
			t.Errorf("%s: got %q, %v, want %q", row.name, got, err, row.want)
		}
	}
}

type matcherRow struct {
	name          string
	matchers      []*matcherv3.NodeMatcher
	want, refused string
}

func matcherRows() []matcherRow {
	node := func(m *matcherv3.StringMatcher) []*matcherv3.NodeMatcher {
		return []*matcherv3.NodeMatcher{{NodeId: m}}
	}
	exact := func(text string) *matcherv3.StringMatcher {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: text}}
	}
	prefix := func(text string) *matcherv3.StringMatcher {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: text}}
	}
	regex := func(text string) []*matcherv3.NodeMatcher {
		return node(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: text}}})
	}
	folded := exact("CORE-1")
	folded.IgnoreCase = true
	return []matcherRow{
		{"no matcher is everybody", nil, "core-1 edge-1 edge-2", ""},
		{"an empty one too", []*matcherv3.NodeMatcher{{}}, "core-1 edge-1 edge-2", ""},
		{"exact", node(exact("edge-1")), "edge-1", ""},
		{"exact in another case is not", node(exact("EDGE-1")), "", ""},
		{"exact without regard to case", node(folded), "core-1", ""},
		{"by the beginning", node(prefix("edge")), "edge-1 edge-2", ""},
		{"by the end", node(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: "-1"}}), "core-1 edge-1", ""},
		{"by what is inside", node(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Contains{Contains: "ge-"}}), "edge-1 edge-2", ""},
		{"by an expression of the whole", regex("edge-[12]"), "edge-1 edge-2", ""},
		{"by an expression of a part is not", regex("edge"), "", ""},
		{"by one with alternatives, as a whole", regex("core|edge-1"), "edge-1", ""},
		{"one of several is enough", append(node(exact("edge-2")), node(exact("core-1"))...), "core-1 edge-2", ""},
		{"no expression", regex("("), "", "no RE2 expression"},
		{"one that would close the group around it", regex("a)|(?:b"), "", "no RE2 expression"},
		{"an empty beginning", node(prefix("")), "", "its pattern is empty"},
		{"no pattern", node(&matcherv3.StringMatcher{}), "", "it has no pattern"},
		{"by metadata", []*matcherv3.NodeMatcher{{NodeMetadatas: []*matcherv3.StructMatcher{{}}}}, "", "node_metadatas is not supported"},
	}
}
