package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// shown is what the tests look at of contour status --output json.
type shown struct {
	Node, Group, State, Identity, Root string
	UserAgent                          string `json:"user_agent"`
	RootIsNewest                       bool   `json:"root_is_newest"`
	Types                              []struct {
		Type, State string
		Refused     struct{ Reason string }
	}
}

// status runs contour status as an operator, by the CA of a folder.
func (h *handover) status(args ...string) string {
	h.t.Helper()
	out, err := exec.Command(contourtest.Binary(h.t), append([]string{"status", h.c.xds, "--from", h.dir}, args...)...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("contour status: %v\n%s", err, out)
	}
	return string(out)
}

// TestStatusShowsWhoIsWhereWithWhat has three Envoys in the midst of a rollover: one is
// in sync, one refuses a change, and one stands on the old CA.
func TestStatusShowsWhoIsWhereWithWhat(t *testing.T) {
	t.Parallel()
	h := startHandover(t, envoy.Version, 1)
	must(t, os.MkdirAll(filepath.Join(h.f.resources, "groups", "bad"), 0o700))
	h.writeOwnRoute("a+")
	for _, id := range []string{"good", "bad"} {
		envoy.Start(t, h.f.bootstrap(h.c, h.f.client, "--node-id", id, "--node-cluster", id), envoy.Options{}).WaitReady(deadline)
	}
	h.wantShown("all are in sync", func(s shown) error { return want(s.State, "synced") })

	h.writeOwnRoute("a(") // no regular expression
	h.wantShown("one refuses its route", func(s shown) error {
		root := h.new
		if s.Node == "e2e" {
			root = h.old
		}
		state := "synced"
		if s.Node == "bad" {
			state = "refused"
		}
		return errors.Join(want(s.State, state), want(s.Root, root), want(fmt.Sprint(s.RootIsNewest), fmt.Sprint(s.Node != "e2e")),
			want(s.Identity, "envoy"), want(s.UserAgent, "envoy"))
	})
	text := h.status()
	for _, words := range []string{
		"3 clients of 1 server: 2 in sync, 1 out of date or refusing", "refused: route by 1 client (bad): ",
		"root " + h.new + ": 2 clients\n", "root " + h.old + ": 1 client, and it is not the newest (e2e)\n", h.old + " (old)",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}
	_, table, _ := strings.Cut(text, "IDENTITY")
	lines := strings.Split(table, "\n")
	for i, node := range []string{" bad ", " e2e ", " good "} {
		if !strings.Contains(lines[i+1], node) {
			t.Errorf("line %d is not that of %s:\n%s", i+1, node, text)
		}
	}
	h.wantNoFailure()
}

func want(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// wantShown waits until all three clients are shown as ok says, and the one that refuses
// with a reason.
func (h *handover) wantShown(what string, ok func(shown) error) {
	h.t.Helper()
	envoy.Eventually(h.t, deadline, what, func() error {
		var found struct{ Clients []shown }
		out := h.status("--output", "json")
		if err := json.Unmarshal([]byte(out), &found); err != nil {
			return err
		}
		if len(found.Clients) != 3 {
			return fmt.Errorf("there are %d clients", len(found.Clients))
		}
		for _, c := range found.Clients {
			if err := ok(c); err != nil {
				return fmt.Errorf("%s: %w", c.Node, err)
			}
			for _, one := range c.Types {
				if one.State == "refused" && (one.Type != "route" || !strings.Contains(one.Refused.Reason, "a(")) {
					return fmt.Errorf("%s refuses %+v", c.Node, one)
				}
			}
		}
		return nil
	})
}

// writeOwnRoute writes a listener of the group bad, with a route that has a pattern.
func (h *handover) writeOwnRoute(pattern string) {
	h.t.Helper()
	h.f.write("groups/bad/own.yaml", "resources:\n"+strings.NewReplacer("NUMBER", "0", "SOURCE", overADS).Replace(refusalListener)+
		fmt.Sprintf(`- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: route-0
  virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {safe_regex: {regex: %q}}, direct_response: {status: 200}}]}]
`, pattern))
}

// TestStatusIsSeenWhereContourMakesItsOwnCredentials reads the CA of a folder that a
// contour which runs keeps others from changing.
func TestStatusIsSeenWhereContourMakesItsOwnCredentials(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	state := filepath.Join(t.TempDir(), "state")
	c := serve(t, "--resources", f.resources, "--state-dir", state)
	out, err := exec.Command(contourtest.Binary(t), "status", c.xds, "--from", state).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "0 clients of 1 server") {
		t.Errorf("got %v\n%s", err, out)
	}
}

// TestStatusIsNotForEnvoys asks with an Envoy's certificate.
func TestStatusIsNotForEnvoys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := f.serve()
	out, err := exec.Command(contourtest.Binary(t), "status", c.xds, "--xds-server-name", "contour",
		"--cafile", f.client.CA, "--mtls-cert", f.client.Cert, "--mtls-key", f.client.Key).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "may not see the fleet") {
		t.Errorf("got %v\n%s", err, out)
	}
	c.wantMetric(1, "contour_xds_denied_total", "reason", "status_forbidden")
}

// TestPlaintextHasNoStatus asks a contour to which everybody is a stranger.
func TestPlaintextHasNoStatus(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	c := serve(t, "--resources", f.resources, "--insecure")
	conn, err := grpc.NewClient(c.xds, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	_, err = statusv3.NewClientStatusDiscoveryServiceClient(conn).FetchClientStatus(t.Context(), new(statusv3.ClientStatusRequest))
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}
