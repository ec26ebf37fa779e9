package e2e

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"

	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/test/envoy"
)

// runsPromptly is how soon an Envoy runs a change. It is generous, and yet below the
// 15 s after which an Envoy goes on without what it waits for (initial_fetch_timeout
// of a ConfigSource), so that nothing which it is never sent goes unnoticed.
const runsPromptly = 10 * time.Second

// A running is what an Envoy says it runs, by type and name. Messages are as they
// were sent; of endpoints only the addresses are left, and of secrets the names.
type running struct {
	messages  map[string]map[string]proto.Message
	endpoints map[string][]string
	secrets   map[string]bool
	// unsettled says what is not in force yet, or was refused.
	unsettled []string
}

// wantRunning waits until an Envoy runs just what the folder holds, with nothing
// that warms or was refused, and nothing left of what it ran before: its listeners
// drain, and keep their route configurations and secrets as long. Resources that
// nothing refers to are none that it runs: the folder must not have any.
func wantRunning(t *testing.T, e *envoy.Envoy, folder string) {
	t.Helper()
	wantRunningWithin(t, runsPromptly, e, folder)
}

func wantRunningWithin(t *testing.T, patience time.Duration, e *envoy.Envoy, folder string) {
	t.Helper()
	snapshot := readFolder(t, folder)
	envoy.Eventually(t, patience, "Envoy runs what the folder holds", func() error {
		if err := drained(e); err != nil {
			return err
		}
		got, err := runningIn(e)
		if err != nil {
			return err
		}
		return got.compare(snapshot)
	})
}

// drained is an error as long as listeners, or parts of them, drain.
func drained(e *envoy.Envoy) error {
	for _, stat := range []string{"listener_manager.total_listeners_draining", "listener_manager.total_filter_chains_draining"} {
		n, err := e.Stat(stat)
		if err != nil {
			return err
		}
		if n != 0 {
			return fmt.Errorf("%s is %d", stat, n)
		}
	}
	return nil
}

// addresses are those of a set of endpoints, sorted.
func addresses(set *endpointv3.ClusterLoadAssignment) []string {
	all := []string{}
	for _, locality := range set.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			a := e.GetEndpoint().GetAddress().GetSocketAddress()
			all = append(all, net.JoinHostPort(a.GetAddress(), strconv.Itoa(int(a.GetPortValue()))))
		}
	}
	slices.Sort(all)
	return all
}

// compare tells what an Envoy runs otherwise than it was told to.
func (r *running) compare(snapshot *resources.Snapshot) error {
	if len(r.unsettled) > 0 {
		return fmt.Errorf("it is not settled: %s", strings.Join(r.unsettled, "; "))
	}
	for _, url := range []string{resourcev3.ClusterType, resourcev3.ListenerType, resourcev3.RouteType} {
		if err := compareMessages(r.messages[url], snapshot.Resources(url)); err != nil {
			return err
		}
	}
	for _, want := range snapshot.Resources(resourcev3.EndpointType) {
		if got, sent := r.endpoints[want.Name], addresses(want.Message.(*endpointv3.ClusterLoadAssignment)); !slices.Equal(got, sent) {
			return fmt.Errorf("endpoints of %s are %v, want %v", want.Name, got, sent)
		}
	}
	for _, name := range secretsReferredTo(snapshot) { // the others are not the Envoy's to have
		if !r.secrets[name] {
			return fmt.Errorf("secrets are %v, want %s", r.secrets, name)
		}
	}
	return nil
}

// compareMessages finds what is missing, differs, or should not be there any more.
func compareMessages(got map[string]proto.Message, want []*resources.Resource) error {
	names := make(map[string]bool)
	for _, w := range want {
		names[w.Name] = true
		if !proto.Equal(got[w.Name], w.Message) {
			return fmt.Errorf("%T %s is missing or another", w.Message, w.Name)
		}
	}
	for name, m := range got {
		if !names[name] {
			return fmt.Errorf("%T %s is there still", m, name)
		}
	}
	return nil
}

// readFolder is what an Envoy of no group gets of a folder.
func readFolder(t *testing.T, folder string) *resources.Snapshot {
	t.Helper()
	snapshots, err := resources.Read(resources.Config{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	return snapshots.For("")
}

func secretsReferredTo(snapshot *resources.Snapshot) []string {
	var names []string
	for _, t := range resources.Types() {
		for _, r := range snapshot.Resources(t.URL) {
			names = append(names, r.Secrets...)
		}
	}
	return names
}
