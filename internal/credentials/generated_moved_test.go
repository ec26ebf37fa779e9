package credentials_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// stranger is a state folder of somebody else's, which would be good for any server.
func (s *state) stranger() *state {
	s.t.Helper()
	other := newState(s.t)
	other.now.Store(s.now.Load())
	cfg := other.config()
	cfg.Lifetime = 80 * day // which tells the ends of its certificates from those of others
	g, err := credentials.NewGenerated(cfg)
	s.must(err)
	s.close(g)
	return other
}

// TestGeneratedLeavesAFolderThatCameInItsPlace renames the state folder away, whether or
// not something is due, and has others come in its place. The lock went with the first.
func TestGeneratedLeavesAFolderThatCameInItsPlace(t *testing.T) {
	t.Parallel()
	comes := map[string]func(s *state, aside string){
		"nothing":                   func(*state, string) {},
		"an empty one":              func(s *state, _ string) { s.must(os.Mkdir(s.dir, 0o700)) },
		"a copy of it":              func(s *state, aside string) { s.must(os.CopyFS(s.dir, os.DirFS(aside))) },
		"one with a CA of its own":  func(s *state, _ string) { s.must(os.Rename(s.stranger().dir, s.dir)) },
		"a link to one with its CA": func(s *state, _ string) { s.must(os.Symlink(s.stranger().dir, s.dir)) },
	}
	for name, come := range comes {
		for _, later := range []time.Duration{0, 57 * day} {
			t.Run(fmt.Sprintf("%s, after %v", name, later), func(t *testing.T) {
				t.Parallel()
				s := newState(t)
				g := s.open()
				aside := s.dir + "-aside"
				s.must(os.Rename(s.dir, aside))
				come(s, aside)
				s.pass(later)
				s.leavesAlone(g)
				s.must(os.RemoveAll(s.dir))
				s.must(os.Rename(aside, s.dir))
				s.goesOn(g, later > 0)
			})
		}
	}
}

// leavesAlone does some rounds, and finds that neither what is at the path nor what is
// served is another after them.
func (s *state) leavesAlone(g *credentials.Generated) {
	s.t.Helper()
	serving, before := material(s.t, g), s.content()
	const clientEnd = "contour_credentials_client_not_after_timestamp_seconds"
	end := value(s.t, g, clientEnd, "")
	for range 3 {
		g.Round()
	}
	if s.content() != before {
		s.t.Error("it wrote into what came in its place")
	}
	if material(s.t, g) != serving || value(s.t, g, clientEnd, "") != end {
		s.t.Error("it serves, or counts, what came in its place")
	}
	if failing, n := value(s.t, g, "contour_credentials_renewal_failing", ""), value(s.t, g, "contour_credentials_renewals_total", "failure"); failing != 1 || n != 3 {
		s.t.Errorf("the metrics say %v, and %v failures", failing, n)
	}
	said := fmt.Sprintf(`the state folder can't be kept up; what was loaded before is served on, and it is tried again by itself" error="--state-dir \"%s\": the folder that this process has locked is no longer at its path`, s.dir)
	if log := s.log.String(); strings.Count(log, said) != 1 || strings.Count(log, "no longer at its path") != 1 {
		s.t.Errorf("it is not said once: %s", log)
	}
}

// goesOn does a round when the folder is back.
func (s *state) goesOn(g *credentials.Generated, due bool) {
	s.t.Helper()
	before := material(s.t, g)
	g.Round()
	if value(s.t, g, "contour_credentials_renewal_failing", "") != 0 || !strings.Contains(s.log.String(), "kept up again") {
		s.t.Error("it does not go on by itself")
	}
	if renewed := material(s.t, g) != before; renewed != due {
		s.t.Errorf("renewed: %v, due: %v", renewed, due)
	}
	s.wantAgreement(g, s.envoy())
}

// TestGeneratedLeavesAFolderThatComesInTheMidstOfARound has it come at each moment of a
// round at which the clock is read, after which there is something to be written still, or
// to be loaded.
func TestGeneratedLeavesAFolderThatComesInTheMidstOfARound(t *testing.T) {
	t.Parallel()
	moments := 0
	for comesAt(t, moments) {
		moments++
	}
	if moments < 6 {
		t.Errorf("a round reads the clock only %d times", moments)
	}
}

// comesAt is false where the round is over before that moment.
func comesAt(t *testing.T, moment int) bool {
	t.Helper()
	s := newState(t)
	other := s.stranger()
	before, left := other.content(), -1
	cfg := s.config()
	cfg.Now = func() time.Time {
		if left == 0 {
			s.must(os.Rename(s.dir, s.dir+"-aside"))
			s.must(os.Rename(other.dir, s.dir))
		}
		left--
		return s.clock()
	}
	g, err := credentials.NewGenerated(cfg)
	s.must(err)
	defer s.close(g)
	root := material(t, g).Roots()[0]
	s.pass(57 * day)
	left = moment
	g.Round()
	came := left < 0
	if came && s.content() != before {
		t.Errorf("at moment %d: it wrote into what came in its place", moment)
	}
	if roots := material(t, g).Roots(); len(roots) != 1 || !roots[0].Equal(root) {
		t.Errorf("at moment %d: it serves what came in its place", moment)
	}
	return came
}
