package access

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/certtest"
	contourtest "github.com/contour-xds/contour/test/contour"
)

// seedVariable gives the seed of a failure again.
const seedVariable = "ACCESS_SEED"

func newRandom(t *testing.T) *mathrand.Rand {
	t.Helper()
	var b [8]byte
	_, _ = rand.Read(b[:])
	seed := binary.NativeEndian.Uint64(b[:])
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("%s=%d", seedVariable, seed)
	return mathrand.New(mathrand.NewPCG(seed, 8))
}

// A matrix is a contour for each policy, which serve the same, and what they are asked
// with.
type matrix struct {
	t       *testing.T
	random  *mathrand.Rand
	ca      *certtest.CA
	things  []thing
	markers map[string]string
	servers []*contourtest.Server // by policy
	pairs   []*certtest.Pair      // by identity
	// denied is what each contour is to have counted, and seen how often each outcome was.
	denied []map[string]int
	// refused are the handshakes that each contour is to have refused, by reason.
	refused []map[string]int
	seen    map[string]int
	// words are what clients were told with each denial.
	words map[string]string
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{t: t, random: newRandom(t), ca: certtest.NewCA(t, "channel"), things: world(), seen: map[string]int{}, words: map[string]string{}}
	dir := t.TempDir()
	m.markers = write(t, dir, m.things, folderKeys(t))
	leaf := certtest.Server()
	leaf.Usages = nil // good for a client as well, but for who it is
	server := m.ca.Issue(t, leaf)
	files := certtest.WriteFiles(t, t.TempDir(), m.ca, server)
	for _, who := range identities() {
		m.pairs = append(m.pairs, who.issue(t, m.ca, server))
	}
	for _, p := range policies() {
		m.servers = append(m.servers, serve(t, dir, files, p))
		m.denied, m.refused = append(m.denied, map[string]int{}), append(m.refused, map[string]int{})
	}
	return m
}

// folderKeys are the pairs of the secrets by folder.
func folderKeys(t *testing.T) map[string]*certtest.Pair {
	t.Helper()
	keys := map[string]*certtest.Pair{}
	for _, scope := range []string{"a", "b"} {
		keys[scope] = certtest.NewCA(t, "web").Intermediate(t, "of "+scope).Issue(t, certtest.Server())
	}
	return keys
}

// serve starts contour under a policy.
func serve(t *testing.T, dir string, files certtest.Files, p policy) *contourtest.Server {
	t.Helper()
	args := []string{"--resources", dir, "--contour-cafile", files.CA, "--contour-mtls-cert", files.Cert, "--contour-mtls-key", files.Key}
	if p.rules != nil {
		path := filepath.Join(t.TempDir(), "policy.yaml")
		certtest.WriteFile(t, path, []byte(p.yaml()))
		args = append(args, "--access-policy", path)
	}
	return contourtest.Start(t, args...)
}

// TestNobodyGetsMoreThanTheOracleSays asks for a sample of the whole product.
func TestNobodyGetsMoreThanTheOracleSays(t *testing.T) {
	t.Parallel()
	newMatrix(t).ask(8 * time.Second)
}

// ask goes through cells until the time is over, and makes each claim in any case.
func (m *matrix) ask(atMost time.Duration) {
	m.t.Helper()
	all, atLeast := m.cells()
	start, done := time.Now(), 0
	for _, c := range all {
		if done >= atLeast && time.Since(start) > atMost || m.t.Failed() {
			break
		}
		m.one(c)
		done++
	}
	m.t.Logf("%d of %d cells: %v", done, len(all), m.seen)
	if m.t.Failed() {
		return
	}
	for _, outcome := range []string{"own_certificate", "no_identity", "no_rule", "group_forbidden", "node_mismatch", "served", "served secrets", "unknown method", "unknown type"} {
		if m.seen[outcome] == 0 {
			m.t.Errorf("none of %d cells came to %s", done, outcome)
		}
	}
	m.wantCounted()
}

// one asks in one way, over a connection of its own.
func (m *matrix) one(c cell) {
	m.t.Helper()
	v := m.judge(c)
	conn, into := dial(m.t, m.servers[c.policy].XDS, m.ca, m.pairs[c.identity])
	defer conn.Close()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	kind := c.service.kind
	if kind == "" {
		kind = []string{"secret", "secret", "cluster", "listener", "route", "endpoint", "extension", "runtime"}[m.random.IntN(8)]
	}
	method := c.service.method(c.delta)
	all := namesOf(m.things, kind)
	m.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var script []question
	want, outcome := codes.OK, "served"
	switch {
	case c.way < len(ways()):
		script = ways()[c.way].script(kind, all)
	case c.way == len(ways()):
		script, want, outcome = strangeType(c.service, m.random)
	default:
		method, want, outcome = strangeMethods()[m.random.IntN(len(strangeMethods()))], codes.Unimplemented, "unknown method"
		script = []question{{add: all}}
	}
	// As no Envoy: one that comes back is kept waiting with its listeners until it asks for clusters.
	talk, err := open(ctx, conn, method, c.delta, kind, &corev3.Node{Id: c.nodeID, Cluster: c.group})
	for i := 0; i < len(script) && err == nil; i++ {
		err = talk.ask(script[i])
	}
	if err == nil {
		err = talk.end()
	}
	switch {
	case v.refused != "":
		want, outcome = codes.Unavailable, v.refused
		m.refused[c.policy][v.refused]++
	case v.denied != "" && want != codes.Unimplemented:
		want, outcome = codes.PermissionDenied, v.denied
		m.denied[c.policy][v.denied]++
		m.told(c, v.denied, status.Convert(err).Message())
	}
	m.seen[outcome]++
	if status.Code(err) != want {
		m.t.Errorf("%s: the stream ended with %v, want %v", c, err, want)
		return
	}
	var come []string
	if outcome == "served" {
		come = answers(v, kind, script)
		if kind == "secret" {
			m.seen["served secrets"] += min(1, len(come))
			m.withheld(c, v, script)
		}
	}
	m.compare(c, kind, talk.got, come)
	m.search(c, kind, into, v, come)
}

// strangeType asks a service for what it does not carry. On the aggregated one, whoever
// asks for a type that nobody knows waits.
func strangeType(s service, random *mathrand.Rand) ([]question, codes.Code, string) {
	if s.kind == "" {
		return []question{{kind: "type.googleapis.com/envoy.config.route.v3.VirtualHost", add: []string{"s-top", everything}, silent: true}}, codes.OK, "unknown type"
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(typeURLs)), func(kind string) bool { return kind == s.kind })
	other := others[random.IntN(len(others))]
	if s.kind != "secret" && random.IntN(2) == 0 {
		other = "secret"
	}
	return []question{{kind: other, add: []string{"s-top", everything}}}, codes.InvalidArgument, "unknown type"
}
