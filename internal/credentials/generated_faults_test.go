package credentials_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// TestGeneratedRefusesWhatItCantKeep holds that no CA is replaced for that.
func TestGeneratedRefusesWhatItCantKeep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*state)
		want  []string
	}{
		"a CA that is none": {func(s *state) { certtest.WriteFile(s.t, s.dir+"/ca/ca.pem", []byte("none")) }, []string{"--state-dir", "ca/ca.pem", "move the whole folder away"}},
		"a CA's key that is another's": {func(s *state) {
			certtest.WriteFile(s.t, s.dir+"/ca/ca-key.pem", certtest.NewCA(s.t, "other").Issue(s.t, certtest.Server()).KeyPEM(s.t))
		}, []string{"--state-dir", "CA's key", "move the whole folder away"}},
		"certificates without their CA": {func(s *state) { s.must(os.RemoveAll(s.dir + "/ca")) }, []string{"has certificates and no CA", `bring its folder "ca" back`}},
		"a clock that is behind":        {func(s *state) { s.pass(-365 * day) }, []string{"not valid before", "check this machine's clock"}},
		"a folder that others write":    {func(s *state) { s.must(os.Chmod(s.dir, 0o770)) }, []string{"may be written by others (mode -rwxrwx---)", "take that right away"}},
		"a folder in it that they do":   {func(s *state) { s.must(os.Chmod(s.dir+"/envoy", 0o722)) }, []string{`/envoy" may be written by others (mode -rwx-w--w-)`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newState(t)
			s.close(s.open())
			test.spoil(s)
			before := s.content()
			_, err := credentials.NewGenerated(s.config())
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it says %q, and not %q", err, want)
				}
			}
			if s.content() != before {
				t.Error("the folder is not what it was")
			}
		})
	}
}

func (s *state) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// content is all that the folder holds, or a link to it; empty where there is none.
func (s *state) content() string {
	s.t.Helper()
	var all strings.Builder
	dir, err := filepath.EvalSymlinks(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	s.must(err)
	s.must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all.WriteString(strings.TrimPrefix(path, dir))
		all.Write(data)
		return err
	}))
	return all.String()
}

func TestGeneratedHasItsFolderForItself(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	_, err := credentials.NewGenerated(s.config())
	if err == nil || !strings.Contains(err.Error(), "in use by another process") || !strings.Contains(err.Error(), "a --state-dir of its own") {
		t.Errorf("a second one says %v", err)
	}
	s.envoy() // which needs no lock
	s.close(g)
	s.close(s.open())
}

// TestGeneratedSaysThatEnvoysWatchAFolderThatIsGone says nothing of the server's own,
// nor of a start, at which there may be no Envoy.
func TestGeneratedSaysThatEnvoysWatchAFolderThatIsGone(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	const said = "Envoys that run watch the folder that is gone"
	s.must(os.RemoveAll(s.dir + "/contour"))
	s.must(os.WriteFile(s.dir+"/envoy/envoy.pem", nil, 0o600))
	g.Round()
	if strings.Contains(s.log.String(), said) {
		t.Error("it is said of what Envoys do not watch, or watch still")
	}
	s.must(os.RemoveAll(s.dir + "/envoy"))
	g.Round()
	g.Round()
	s.wantAgreement(g, s.envoy())
	if n := strings.Count(s.log.String(), said); n != 1 || !strings.Contains(s.log.String(), "level=WARN") {
		t.Errorf("it is said %d times: %s", n, s.log)
	}
}

// TestGeneratedServesOnWhenItCantWrite puts a file where the server's folder belongs,
// which nothing can be written into, root or not.
func TestGeneratedServesOnWhenItCantWrite(t *testing.T) {
	t.Parallel()
	s := newState(t)
	g := s.open()
	serving, envoy := material(t, g), s.envoy()
	aside := s.dir + "/.aside"
	s.must(os.Rename(s.dir+"/contour", aside))
	certtest.WriteFile(t, s.dir+"/contour", nil)
	s.pass(57 * day)
	pauses := []time.Duration{g.Pause()}
	for range 3 {
		g.Round()
		pauses = append(pauses, g.Pause())
	}
	if material(t, g) != serving {
		t.Error("what was served is not served on")
	}
	if s.envoy().Fingerprint() == envoy.Fingerprint() {
		t.Error("Envoy's certificate was not renewed, which could be")
	}
	if failing, n := value(t, g, "contour_credentials_renewal_failing", ""), value(t, g, "contour_credentials_renewals_total", "failure"); failing != 1 || n != 3 {
		t.Errorf("the metrics say %v, and %v failures", failing, n)
	}
	if n := strings.Count(s.log.String(), "the state folder can't be kept up"); n != 1 {
		t.Errorf("it is said %d times", n)
	}

	s.must(os.Remove(s.dir + "/contour"))
	g.Round()
	if value(t, g, "contour_credentials_renewal_failing", "") != 0 || material(t, g) == serving {
		t.Error("it does not go on by itself")
	}
	if !strings.Contains(s.log.String(), "kept up again") {
		t.Error("nobody is told")
	}
	s.wantAgreement(g, s.envoy())
	if g.Pause() != pauses[0] {
		t.Errorf("it waits %s, and %s before", g.Pause(), pauses[0])
	}
}

func TestGeneratedTriesAgainLessAndLessOften(t *testing.T) {
	t.Parallel()
	s := newState(t)
	cfg := s.config()
	cfg.Poll = time.Minute
	g, err := credentials.NewGenerated(cfg)
	s.must(err)
	defer s.close(g)
	s.must(os.RemoveAll(s.dir))
	var last time.Duration
	for range 6 {
		g.Round()
		if pause := g.Pause(); pause < last || pause > 10*time.Minute {
			t.Errorf("after a pause of %s comes one of %s", last, pause)
		}
		last = g.Pause()
	}
	if last != 10*time.Minute {
		t.Errorf("in the end it waits for %s", last)
	}
}
