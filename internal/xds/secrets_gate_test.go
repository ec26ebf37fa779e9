package xds_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	grpcpeer "google.golang.org/grpc/peer"

	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

// A fickle gate grants secrets by name to whoever claims a group that it lets in, and
// can be told to decide otherwise.
type fickle struct {
	mu      sync.Mutex // guards what follows
	granted []string
	barred  string // the group that nobody may join
	expel   func(error)
	told    []string // what was withheld
	changed chan struct{}
}

var errBarred = errors.New("not in this group")

func newFickle() *fickle { return &fickle{changed: make(chan struct{})} }

// Join implements [xds.Gate].
func (g *fickle) Join(_ *grpcpeer.Peer, group, _ string) (xds.Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.barred != "" && group == g.barred {
		return xds.Pass{}, errBarred
	}
	return xds.Pass{Secrets: g.granted, Withheld: g.withheld, Expel: g.expel}, nil
}

func (g *fickle) withheld(secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = append(g.told, secret)
}

// Changed implements [xds.Gate].
func (g *fickle) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

func (g *fickle) decide(barred string, granted ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(granted)
	g.barred, g.granted = barred, granted
	close(g.changed)
	g.changed = make(chan struct{})
}

// sealedNames are the secrets of each world below, and of the group b that one of its own.
var sealedNames = []string{"s0", "s1", "s2", "s3", "s4"}

const sealedOfB = "s-of-b"

// sealed is what is secret of a secret: nothing else holds it.
func sealed(name string) string { return "sealed-" + strings.Repeat(name, 8) }

// A secretWorld is a folder in which some secrets are referred to.
type secretWorld struct {
	byCluster, byListener []string
	without               []string // of sealedNames
}

var secretWorlds = []secretWorld{
	{byCluster: []string{"s0"}, byListener: []string{"s1"}},
	{byCluster: []string{"s2"}, byListener: []string{"s1"}},
	{byCluster: []string{"s0", "s1", "s2", "s3", "s4"}},
	{},
	{byListener: []string{"s3"}, without: []string{"s0", "s4"}},
}

// refers are the secrets that any resource for all asks for.
func (w secretWorld) refers() []string { return slices.Concat(w.byCluster, w.byListener) }

func (w secretWorld) snapshot(t testing.TB) *resources.Snapshots {
	t.Helper()
	context := func(message string, names []string) string {
		configs := make([]string, len(names))
		for i, name := range names {
			configs[i] = "{name: " + name + ", sds_config: {resource_api_version: V3, ads: {}}}"
		}
		return `transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.` + message +
			", common_tls_context: {tls_certificate_sds_secret_configs: [" + strings.Join(configs, ", ") + "]}}}"
	}
	var b strings.Builder
	b.WriteString("resources:\n" + probes)
	fmt.Fprintf(&b, "- {\"@type\": %s, name: c, %s}\n", typeURL("cluster"), context("UpstreamTlsContext", w.byCluster))
	fmt.Fprintf(&b, "- {\"@type\": %s, name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [], %s}]}\n",
		typeURL("listener"), context("DownstreamTlsContext", w.byListener))
	secret := func(name string) string {
		return fmt.Sprintf("- {\"@type\": %s, name: %s, generic_secret: {secret: {inline_string: %s}}}\n", secretType, name, sealed(name))
	}
	for _, name := range sealedNames {
		if !slices.Contains(w.without, name) {
			b.WriteString(secret(name))
		}
	}
	dir := t.TempDir()
	for path, text := range map[string]string{"all.yaml": b.String(), "groups/b/all.yaml": "resources:\n" + secret(sealedOfB)} {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := resources.Read(resources.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
