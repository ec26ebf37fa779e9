package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// newFleetFolder makes a [newFolder] with one cluster that changes by turns, and
// with a client's certificate in the folder client.
func newFleetFolder(b testing.TB, clusters int) string {
	b.Helper()
	dir := b.TempDir()
	ca := certtest.NewCA(b, "root")
	for folder, pair := range map[string]certtest.Leaf{".": certtest.Server(), "client": certtest.Client()} {
		must(b, os.MkdirAll(filepath.Join(dir, folder), 0o700))
		pair.Key = certtest.ECDSA
		certtest.WriteFiles(b, filepath.Join(dir, folder), ca, ca.Issue(b, pair))
	}
	for folder, timeout := range map[string]string{"resources": "1s", "changed": "2s"} {
		must(b, os.Mkdir(filepath.Join(dir, folder), 0o700))
		certtest.WriteFile(b, filepath.Join(dir, folder, "all.yaml"), []byte(manyClusters(clusters, timeout)))
	}
	if *identities > 0 {
		writeIdentities(b, dir, ca, *identities)
	}
	return dir
}

// manyClusters are clusters of 140 bytes or so each, of which the first has this
// timeout.
func manyClusters(n int, timeout string) string {
	var text strings.Builder
	text.WriteString("resources:\n")
	for i := range n {
		fmt.Fprintf(&text, "- {\"@type\": %s, name: backend-%05d.production, connect_timeout: %s, load_assignment: {cluster_name: backend-%05d.production, "+
			"endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 8080}}}}]}]}}\n",
			clusterURL, i, timeout, i)
		timeout = "1s"
	}
	return text.String()
}

// halfOfTheMachine is what a server gets, and its clients get the other half, so
// that one's work does not wait for the other's.
func halfOfTheMachine() string { return fmt.Sprint("GOMAXPROCS=", max(1, runtime.NumCPU()/2)) }

// A scene is a server in a process of its own and a crowd of clients in another.
type scene struct {
	*server
	crowd child
}

func newScene(b testing.TB, server serverSpec, crowd crowdSpec) *scene {
	b.Helper()
	crowd.Dir, crowd.Identities = filepath.Join(server.Dir, "client"), *identities
	return &scene{
		server: start(b, server, halfOfTheMachine()),
		crowd:  launch(b, "crowd", crowdVariable, crowd, halfOfTheMachine()),
	}
}

func (s *scene) stop() {
	s.b.Helper()
	s.crowd.stop()
	s.server.stop()
}

// connect lets n clients connect at once and waits until all have what they want.
func (s *scene) connect(n int) heard { return s.hear("connect", n, s.addr) }

// hear asks the crowd for something of n clients.
func (s *scene) hear(verb string, n int, rest ...any) heard {
	s.b.Helper()
	var h heard
	s.crowd.ask(&h, append([]any{verb, n}, rest...)...)
	if h.Err != "" {
		s.crowd.kill()
		s.kill()
		s.b.Fatalf("%s: to %s: %s", s.kind, verb, h.Err)
	}
	return h
}

// settled is what the server has used when it has come to rest.
func (s *scene) settled() usage {
	time.Sleep(settling)
	return s.usage()
}

// Places in what a fan-out measures.
const (
	pushCPU = iota
	pushP50
	pushP99
	coldCPU
	pushAllocations
	pushBytes
	pushClients
)

// fanOutUnits are their names.
var fanOutUnits = []string{
	pushCPU: "server-s/push", pushP50: "ms-until-half-have-it", pushP99: "ms-until-99%-have-it",
	coldCPU: "server-ms/cold-client", pushAllocations: "allocations/push/client", pushBytes: "bytes/push/client",
	pushClients: "clients-s/push",
}

// fanOut lets the clients connect cold and publishes a change so many times, after
// one that is not counted. It returns server seconds a push, milliseconds until half
// and 99 of 100 of the clients have it, server milliseconds a cold client, and how
// many allocations and bytes a push takes for each client, and the clients' own seconds
// a push, which tell whether it is them that a push waits for.
func fanOut(b testing.TB, server serverSpec, crowd crowdSpec, clients, pushes int) []float64 {
	b.Helper()
	s := newScene(b, server, crowd)
	defer s.stop()
	fresh := s.settled()
	s.connect(clients)
	cold := s.settled()
	s.publish()
	crowdBefore := s.hear("await", clients).CPU
	before := s.settled()
	var took []float64
	bytes, crowdAfter := 0, crowdBefore
	for range pushes {
		published := s.publish().Published
		h := s.hear("await", clients)
		bytes, crowdAfter = bytes+h.Bytes, h.CPU
		for _, at := range h.At {
			took = append(took, at.Sub(published).Seconds()*1e3)
		}
	}
	after := s.settled()
	each := float64(pushes * clients)
	return []float64{
		pushCPU:         (after.CPU - before.CPU).Seconds() / float64(pushes),
		pushP50:         quantile(took, 0.5),
		pushP99:         quantile(took, 0.99),
		coldCPU:         (cold.CPU - fresh.CPU).Seconds() * 1e3 / float64(clients),
		pushAllocations: float64(after.Allocations-before.Allocations) / each,
		pushBytes:       float64(bytes) / each,
		pushClients:     (crowdAfter - crowdBefore).Seconds() / float64(pushes),
	}
}
