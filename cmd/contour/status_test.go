package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/fleet"
)

var statusNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// statusFleet is a client of each kind. One of them tries to speak to the terminal.
func statusFleet() []fleet.Client {
	mark := func(version string) fleet.Mark { return fleet.Mark{Version: version, At: statusNow.Add(-time.Hour)} }
	synced := fleet.Type{URL: "t/cluster", Name: "cluster", State: fleet.Synced, Wildcard: true, Sent: mark("v2"), Acked: mark("v2")}
	client := func(node string, more ...fleet.Type) fleet.Client {
		return fleet.Client{
			Identity: "spiffe://example.org/" + node, Rule: "edges", Group: "edge", NodeID: node, Address: "10.0.0.1:4321", Protocols: []string{"ads/delta"},
			UserAgent: "envoy", UserAgentVersion: "1.40.0", Connected: statusNow.Add(-26 * time.Hour), CertificateEnd: statusNow.Add(30 * 24 * time.Hour),
			Root: "00000000000000aa", OnNewestRoot: true, Types: append([]fleet.Type{synced}, more...),
		}
	}
	good, ending, old := client("good"), client("ending"), client("old")
	ending.CertificateEnd = statusNow.Add(90 * time.Minute)
	old.Root, old.OnNewestRoot = "00000000000000bb", false
	stale := client("stale", fleet.Type{URL: "t/route", Name: "route", State: fleet.Stale, Sent: mark("v2"), Acked: mark("v1")})
	waiting := client("waiting", fleet.Type{URL: "t/route", Name: "route", State: fleet.NotSent})
	refusing := client("ref\x1b[31mus\u202eing\n", fleet.Type{
		URL: "t/route", Name: "route", State: fleet.Refused, Sent: mark("v2"), Acked: mark("v1"), Refused: mark("v2"), Reason: "no\x07 good\u0085",
	})
	return []fleet.Client{good, ending, old, stale, waiting, refusing}
}

func TestStatusPutsTroubleOnTop(t *testing.T) {
	var r statusReport
	r.add("contour:8001", statusFleet(), nil)
	r.conclude()
	var out bytes.Buffer
	if err := r.writeText(&out, statusNow); err != nil {
		t.Fatal(err)
	}
	const want = `6 clients of 1 server: 3 in sync, 3 out of date or refusing
refused: route by 1 client (ref\u001b[31mus\u202eing\u000a): no\u0007 good\u0085
next certificate to end: ending of group edge, in 1h30m (2026-03-01T13:30:00Z)
root 00000000000000aa: 5 clients
root 00000000000000bb: 1 client, and it is not the newest (old)

IDENTITY                                          GROUP  NODE                             ADDRESS        PROTOCOL   STATE               REFUSED  CERTIFICATE ENDS  ROOT                    CONNECTED
spiffe://example.org/ref\u001b[31mus\u202eing\u…  edge   ref\u001b[31mus\u202eing\u000a  10.0.0.1:4321  ads/delta  refused             route    in 30d0h          00000000000000aa        1d2h
spiffe://example.org/stale                        edge   stale                            10.0.0.1:4321  ads/delta  out of date: route  -        in 30d0h          00000000000000aa        1d2h
spiffe://example.org/waiting                      edge   waiting                          10.0.0.1:4321  ads/delta  not sent: route     -        in 30d0h          00000000000000aa        1d2h
spiffe://example.org/old                          edge   old                              10.0.0.1:4321  ads/delta  in sync             -        in 30d0h          00000000000000bb (old)  1d2h
spiffe://example.org/ending                       edge   ending                           10.0.0.1:4321  ads/delta  in sync             -        in 1h30m          00000000000000aa        1d2h
spiffe://example.org/good                         edge   good                             10.0.0.1:4321  ads/delta  in sync             -        in 30d0h          00000000000000aa        1d2h
`
	if diff := cmp.Diff(squeezed(want), squeezed(out.String())); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
}

// squeezed leaves out how wide the columns are.
func squeezed(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// TestStatusAsJSONIsAsItIsDocumented holds the names of fields, of which nobody may take
// one away.
func TestStatusAsJSONIsAsItIsDocumented(t *testing.T) {
	var r statusReport
	r.add("contour-0:8001", statusFleet(), nil)
	r.add("contour-1:8001", nil, errors.New("it is away"))
	r.conclude()
	var out bytes.Buffer
	if err := r.writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	for _, b := range out.Bytes() {
		if b < ' ' && b != '\n' {
			t.Fatalf("a control character is in it: %q", out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\u202e\u0085") {
		t.Error("a character that turns or breaks lines is in it")
	}
	var got struct {
		Servers []map[string]any
		Summary map[string]any
		Clients []map[string]any
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	first := got.Clients[0]
	types := first["types"].([]any)
	route := types[1].(map[string]any)
	want := map[string]any{
		"type": "route", "type_url": "t/route", "state": "refused", "wildcard": false, "names": 0.0,
		"sent":         map[string]any{"version": "v2", "at": "2026-03-01T11:00:00Z"},
		"acknowledged": map[string]any{"version": "v1", "at": "2026-03-01T11:00:00Z"},
		"refused":      map[string]any{"version": "v2", "at": "2026-03-01T11:00:00Z", "reason": "no\x07 good\u0085"},
	}
	if diff := cmp.Diff(want, route); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	delete(first, "types")
	want = map[string]any{
		"server": "contour-0:8001", "identity": "spiffe://example.org/ref\x1b[31mus\u202eing\n", "rule": "edges", "group": "edge",
		"node": "ref\x1b[31mus\u202eing\n", "address": "10.0.0.1:4321", "user_agent": "envoy", "user_agent_version": "1.40.0",
		"protocols": []any{"ads/delta"}, "state": "refused", "connected_since": "2026-02-28T10:00:00Z",
		"certificate_not_after": "2026-03-31T12:00:00Z", "root": "00000000000000aa", "root_is_newest": true,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	servers := []map[string]any{{"address": "contour-0:8001", "clients": 6.0}, {"address": "contour-1:8001", "clients": 0.0, "error": "it is away"}}
	if diff := cmp.Diff(servers, got.Servers); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	states := map[string]any{"refused": 1.0, "stale": 1.0, "not_sent": 1.0, "synced": 3.0}
	if diff := cmp.Diff(states, got.Summary["states"]); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
}
