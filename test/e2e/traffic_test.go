package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
)

// aggregated are the variants whose one stream orders what it carries.
var aggregated = []string{"delta-ads", "ads"}

// A change is what an operator does to a site in one publishing.
type change struct {
	name string
	// make changes the copy of a site, to another outcome for each n.
	make func(s *site, n int)
	// removes is whether a cluster goes that requests were routed to, and alters whether
	// such a cluster is another one under its name.
	removes, alters bool
}

// changes are the ways in which one publishing can replace what traffic goes
// through, those first that most depend on the order. Each test begins with the
// first and makes as many as its time permits.
func changes(a, b string) []change {
	return []change{
		{"the route is moved to a new cluster and the old one removed", func(s *site, n int) {
			s.cluster = fmt.Sprintf("cluster-%d", n)
			s.service = s.cluster
		}, true, false},
		{"the cluster changes and its endpoints do not", func(s *site, n int) { s.tune = n }, false, true},
		{"everything is replaced at once", func(s *site, n int) {
			s.cluster, s.service = fmt.Sprintf("cluster-%d", n), fmt.Sprintf("service-%d", n)
			s.route, s.secret, s.edition, s.tune = fmt.Sprintf("route-%d", n), fmt.Sprintf("secret-%d", n), n, n
			s.idle, s.static = nil, false
		}, true, false},
		{"the endpoints change", func(s *site, n int) { s.upstreams = [][]string{{a}, {b}, {a, b}}[n%3] }, false, false},
		{"the cluster is given another endpoint set", func(s *site, n int) { s.service = fmt.Sprintf("service-%d", n) }, false, true},
		{"the listeners are replaced", func(s *site, n int) { s.edition = n }, false, false},
		{"the route configuration is renamed", func(s *site, n int) { s.route = fmt.Sprintf("route-%d", n) }, false, false},
		{"the secret is renamed", func(s *site, n int) { s.secret = fmt.Sprintf("secret-%d", n) }, false, false},
		{"clusters come that nothing uses yet", func(s *site, n int) { s.idle = append(s.idle, fmt.Sprintf("idle-%d", n)) }, false, false},
		{"the route is moved to a cluster that stood idle, and the old one removed", func(s *site, _ int) {
			if len(s.idle) > 0 {
				s.cluster, s.idle = s.idle[0], s.idle[1:]
				s.service = s.cluster
			}
		}, true, false},
		{"the cluster's kind changes", func(s *site, _ int) { s.static = !s.static }, false, true},
	}
}

// everyChange is as many as there are.
const everyChange = math.MaxInt

func TestNoRequestFailsWhileEverythingIsReplaced(t *testing.T) {
	t.Parallel()
	for protocol, count := range map[string]int{"delta-ads": everyChange, "ads": 4} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			noRequestFailsWhileEverythingIsReplaced(t, envoy.Version, protocol, 1, count)
		})
	}
}

func noRequestFailsWhileEverythingIsReplaced(t *testing.T, version, protocol string, rounds, count int) {
	s := startServed(t, version, protocol)
	for range rounds {
		for i, change := range s.changes() {
			if i == count {
				break
			}
			s.make(change)
			s.wantRunning(change)
		}
	}
	s.wantNoFailure()
}

// noRequestFailsInAHailOfChanges makes one change after another, whether or not
// Envoy is through with the one before.
func noRequestFailsInAHailOfChanges(t *testing.T, version, protocol string, count int) {
	s := startServed(t, version, protocol)
	random := newRandom()
	all := s.changes()
	for range count {
		s.make(all[random.IntN(len(all))])
		time.Sleep(time.Duration(random.Int64N(int64(longestPause))))
	}
	s.wantRunning(change{name: "it hails"})
	s.wantNoFailure()
}

// longestPause is that between two changes of a hail. contour itself waits for a
// tenth of a second, in which the folder must be at rest.
const longestPause = 300 * time.Millisecond

// newRandom makes the same random numbers each time, so that a failure can be had
// again. What is between them and Envoy differs enough.
func newRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
