package credentials_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/logtest"
)

var _ credentials.Announcer = (*credentials.Generated)(nil)

func TestGeneratedServesWhoHasEnvoysFiles(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	for _, host := range []string{"contour", "localhost", "127.0.0.1", "::1"} {
		if err := shake(t, s, g, host); err != nil {
			t.Errorf("a client that dials %s: %v", host, err)
		}
	}
	if err := shake(t, s, g, "envoy"); err == nil {
		t.Error("the server poses as envoy")
	}
	for name, want := range map[string]float64{"success": 1, "failure": 0} {
		if got := value(t, g, "contour_credentials_renewals_total", name); got != want {
			t.Errorf("%s counts %v, not %v", name, got, want)
		}
	}
	if got, want := value(t, g, "contour_credentials_client_not_after_timestamp_seconds", ""), s.envoy().Chain()[0].NotAfter.Unix(); int64(got) != want {
		t.Errorf("Envoy's certificate is said to end at %v, and ends at %v", int64(got), want)
	}
}

// TestGeneratedKeepsItsKeysToItsOwner also looks that nothing of them is said.
func TestGeneratedKeepsItsKeysToItsOwner(t *testing.T) {
	t.Parallel()
	s := newState(t)
	s.open()
	seen := 0
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode().Perm())
		}
		if strings.HasSuffix(path, "-key.pem") {
			key, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			seen++
			logtest.Silent(t, s.log.String(), key)
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("%d keys, %v", seen, err)
	}
}

func TestGeneratedRenewsBothSidesInTime(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	first, envoy := material(t, g), s.envoy()
	changed := g.Changed()
	due := credentials.RenewAt(first.Chain()[0])
	later := credentials.RenewAt(envoy.Chain()[0])
	if later.Before(due) {
		due, later = later, due
	}

	s.pass(due.Sub(s.clock()) - time.Second)
	g.Round()
	if material(t, g) != first || s.envoy().Fingerprint() != envoy.Fingerprint() {
		t.Error("something was renewed before its time")
	}
	s.pass(later.Sub(s.clock()))
	g.Round()
	select {
	case <-changed:
	default:
		t.Error("new material is not announced")
	}
	if material(t, g).Chain()[0].Equal(first.Chain()[0]) || s.envoy().Chain()[0].Equal(envoy.Chain()[0]) {
		t.Error("one was not renewed when it was due")
	}
	if !bytes.Equal(material(t, g).Roots()[0].Raw, first.Roots()[0].Raw) {
		t.Error("the CA is another one")
	}
	s.wantAgreement(g, s.envoy())
	s.wantAgreement(g, envoy)
}

func TestGeneratedRenewsAtAMomentOfItsOwn(t *testing.T) {
	t.Parallel()
	ca, err := certgen.NewAuthority(certgen.AuthorityConfig{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := certgen.ParseNames([]string{"DNS:contour"})
	if err != nil {
		t.Fatal(err)
	}
	moments := make(map[time.Duration]bool)
	for range 50 {
		issued, err := ca.Issue(certgen.Leaf{Name: "contour", Usage: certgen.ServerAuth, Names: names, Lifetime: 80 * day})
		if err != nil {
			t.Fatal(err)
		}
		leaf := issued.Chain()[0]
		left := leaf.NotAfter.Sub(credentials.RenewAt(leaf))
		if left > 40*day || left < 30*day {
			t.Errorf("it is renewed when %s are left", left)
		}
		moments[left] = true
	}
	if len(moments) < 45 {
		t.Errorf("50 certificates are renewed at %d moments", len(moments))
	}
}

// TestGeneratedReplacesWhatIsNotWanted starts again with other settings, or another
// clock, or with files that were spoiled, and needs nobody for it.
func TestGeneratedReplacesWhatIsNotWanted(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*state, *credentials.GeneratedConfig){
		"other names":           func(_ *state, cfg *credentials.GeneratedConfig) { cfg.Server.DNS = append(cfg.Server.DNS, "more") },
		"a shorter lifetime":    func(_ *state, cfg *credentials.GeneratedConfig) { cfg.Lifetime = 10 * day },
		"after half a year off": func(s *state, _ *credentials.GeneratedConfig) { s.pass(182 * day) },
		"a certificate is empty": func(s *state, _ *credentials.GeneratedConfig) {
			certtest.WriteFile(s.t, s.dir+"/contour/contour.pem", nil)
		},
		"the folder is gone": func(s *state, _ *credentials.GeneratedConfig) {
			if err := os.RemoveAll(s.dir + "/contour"); err != nil {
				s.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newState(t)
			g := s.open()
			before := material(t, g)
			s.close(g)
			cfg := s.config()
			spoil(s, &cfg)
			g, err := credentials.NewGenerated(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close(g)
			if material(t, g).Chain()[0].Equal(before.Chain()[0]) {
				t.Error("it is served on")
			}
			if !bytes.Equal(material(t, g).Roots()[0].Raw, before.Roots()[0].Raw) {
				t.Error("the CA is another one")
			}
			s.wantAgreement(g, s.envoy())
		})
	}
}

// TestGeneratedMakesAnotherCAWhereTheOldOneEnded comes back after ten years off, and
// runs on when a clock is set that stood at its beginning.
func TestGeneratedMakesAnotherCAWhereTheOldOneEnded(t *testing.T) {
	t.Parallel()
	for name, goOn := range map[string]func(*state, *credentials.Generated) *credentials.Generated{
		"at a start": func(s *state, g *credentials.Generated) *credentials.Generated { s.close(g); return s.open() },
		"while it runs": func(_ *state, g *credentials.Generated) *credentials.Generated {
			g.Round()
			g.SetSteady(func() time.Time { return time.Now().Add(10 * time.Minute) })
			g.Round()
			return g
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newState(t)
			s.pass(time.Unix(0, 0).Sub(s.clock()))
			g := s.open()
			before := material(t, g).Roots()[0]
			s.pass(time.Since(time.Unix(0, 0)))
			g = goOn(s, g)
			if roots := material(t, g).Roots(); len(roots) != 1 || roots[0].Equal(before) {
				t.Errorf("it trusts %d roots, the old one among them", len(roots))
			}
			s.wantAgreement(g, s.envoy())
			if !strings.Contains(s.log.String(), "the CA of the state folder has ended") {
				t.Error("nothing is said of it")
			}
		})
	}
}

// TestGeneratedStandsAClockThatJumps goes forward by some months for a while, in which
// all is renewed, and back.
func TestGeneratedStandsAClockThatJumps(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	s.pass(200 * day)
	g.Round()
	s.wantAgreement(g, s.envoy())
	s.pass(-200 * day)
	g.Round()
	s.wantAgreement(g, s.envoy())
}

// TestGeneratedKeepsItsCAWhenAClockIsFarAhead goes forward to after the CA's end, again
// and again, but never for long, and back.
func TestGeneratedKeepsItsCAWhenAClockIsFarAhead(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	serving, before := material(t, g), s.content()
	for n := range 3 {
		g.SetSteady(func() time.Time { return time.Now().Add(time.Duration(n) * 9 * time.Minute) })
		s.pass(11 * 365 * day)
		g.Round()
		if failing := value(t, g, "contour_credentials_renewal_failing", ""); failing != 1 {
			t.Error("the metric does not say that the CA has ended")
		}
		s.pass(-11 * 365 * day)
		g.Round()
	}
	if s.content() != before || material(t, g) != serving {
		t.Error("something was replaced")
	}
	s.wantAgreement(g, s.envoy())
	if log := s.log.String(); !strings.Contains(log, "or this machine's clock is ahead") || !strings.Contains(log, "kept up again") {
		t.Errorf("it says %s", log)
	}
	s.close(g)
	s.wantAgreement(s.open(), s.envoy())
}

func TestGeneratedRefusesALifetimeThatIsNone(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{time.Second, 366 * day} {
		s := newState(t)
		cfg := s.config()
		cfg.Lifetime = lifetime
		if _, err := credentials.NewGenerated(cfg); err == nil || !strings.Contains(err.Error(), "give one from 5s to 365d") {
			t.Errorf("%s: %v", lifetime, err)
		}
		if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: its folder: %v", lifetime, err)
		}
	}
}
