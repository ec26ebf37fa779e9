package credentials_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

var (
	_ credentials.CredentialProvider = (*credentials.Watch)(nil)
	_ credentials.Announcer          = (*credentials.Watch)(nil)
)

func TestWatchServesANewGenerationFromTheNextHandshakeOn(t *testing.T) {
	f := newFixture(t, certtest.Server())
	w := newWatch(t, f)
	before := *f
	w.wantServed(f.ca, f.pair)
	for _, series := range []float64{w.pending(), w.succeeded(), w.failed()} {
		if series != 0 {
			t.Error("a metric does not begin at 0")
		}
	}
	first, _ := w.Material()

	f.ca = certtest.NewCA(t, "next")
	f.reissue(func(*certtest.Leaf) {})
	w.wantTaken(1)
	w.wantServed(f.ca, f.pair)
	second, _ := w.Material()
	for _, part := range []string{
		"serving=" + second.Fingerprint(), "before=" + first.Fingerprint(), "not_after=" + f.pair.Chain[0].NotAfter.Format(time.RFC3339),
	} {
		if !strings.Contains(w.log.String(), part) {
			t.Errorf("the log does not say %s: %s", part, w.log)
		}
	}
	if n := strings.Count(w.log.String(), "\n"); n != 1 || w.failed() != 0 {
		t.Errorf("a rotation has %d lines and %v failures:\n%s", n, w.failed(), w.log)
	}
	before.keepsTheKey(w.log.String())
	f.keepsTheKey(w.log.String())
}

func TestWatchTakesOver(t *testing.T) {
	rows := []struct {
		name   string
		change func(*fixture)
	}{
		{"a new pair", func(f *fixture) { f.reissue(func(*certtest.Leaf) {}) }},
		{"a second CA in the bundle", func(f *fixture) {
			f.write(f.files.CA, append(f.ca.PEM(), certtest.NewCA(f.t, "next").PEM()...))
		}},
		{"another intermediate alone", func(f *fixture) {
			f.write(f.files.Cert, append(f.pair.CertPEM(), f.ca.Intermediate(f.t, "further").PEM()...))
		}},
		{"what was rewritten in place with its size and its time of before", func(f *fixture) {
			info, err := os.Stat(f.files.CA)
			if err != nil {
				f.t.Fatal(err)
			}
			next := f.ca.PEM()
			for len(next) != int(info.Size()) || string(next) == string(f.ca.PEM()) {
				next = certtest.NewCA(f.t, "root").PEM()
			}
			both := append(f.ca.PEM(), next...)
			f.write(f.files.CA, append(f.ca.PEM(), f.ca.PEM()...))
			if err := os.Chtimes(f.files.CA, info.ModTime(), info.ModTime()); err != nil {
				f.t.Fatal(err)
			}
			settled()
			f.write(f.files.CA, both)
			if err := os.Chtimes(f.files.CA, info.ModTime(), info.ModTime()); err != nil {
				f.t.Fatal(err)
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			w := newWatch(t, f)
			before, _ := w.Material()
			changed := w.Changed()
			row.change(f)
			eventually(t, "what is on disk is in force", func() bool {
				want, err, _ := f.load(credentials.Server)
				got, _ := w.Material()
				return err == nil && got != before && got.Fingerprint() == want.Fingerprint()
			})
			<-changed
		})
	}
}

func TestWatchTakesForNothingNew(t *testing.T) {
	rows := []struct {
		name  string
		write func(*fixture)
	}{
		{"the same content", func(f *fixture) { f.write(f.files.Key, f.pair.KeyPEM(f.t)) }},
		{"the same certificates with a remark", func(f *fixture) {
			f.write(f.files.Cert, append([]byte("issued by hand\n"), f.pair.CertPEM()...))
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			w := newWatch(t, f)
			before, _ := w.Material()
			changed := w.Changed()
			row.write(f)
			settled()
			if now, _ := w.Material(); now != before || w.succeeded() != 0 || w.pending() != 0 || w.log.String() != "" {
				t.Errorf("%v reloads, pending %v, log %q", w.succeeded(), w.pending(), w.log)
			}
			select {
			case <-changed:
				t.Error("it is announced")
			default:
			}
		})
	}
}

// TestWatchAnnouncesWhatIsInForce has a reader do as Announcer says while the files
// rotate: it never misses the last generation, and never sees a closed channel beside
// the generation that it is of.
func TestWatchAnnouncesWhatIsInForce(t *testing.T) {
	f := newFixture(t, certtest.Server())
	w := newWatch(t, f)
	seen, stop := make(chan *credentials.Material, 100), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := w.Changed()
			m, _ := w.Material()
			seen <- m
			select {
			case <-changed:
				if now, _ := w.Material(); now == m {
					t.Error("the channel is closed and the material is as it was")
				}
			case <-stop:
				return
			}
		}
	}()
	for n := range 5 {
		f.reissue(func(*certtest.Leaf) {})
		w.wantTaken(float64(n + 1))
		want, _ := w.Material()
		for got := (*credentials.Material)(nil); got != want; {
			select {
			case got = <-seen:
			case <-time.After(10 * time.Second):
				t.Fatal("a generation is not announced")
			}
		}
	}
	close(stop)
	<-done
}

func TestWatchCloseMayBeCalledAgainAndKeepsTheMaterial(t *testing.T) {
	f := newFixture(t, certtest.Server())
	w := newWatch(t, f)
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	before := *f
	f.reissue(func(*certtest.Leaf) {})
	settled()
	w.wantServed(before.ca, before.pair)
}

func TestWatchRefusesToStartWithWhatIsWrong(t *testing.T) {
	f := newFixture(t, certtest.Server())
	f.write(f.files.Key, f.ca.Issue(t, certtest.Server()).KeyPEM(t))
	if _, err := credentials.NewWatch(credentials.WatchConfig{Files: f.set()}); err == nil ||
		!strings.HasPrefix(err.Error(), "--contour-mtls-key") {
		t.Errorf("got %v", err)
	}
}

// TestWatchServesACertificateOfAnotherCA has two CAs, one for each side, as file does:
// where the first generation is like that, so may be the next.
func TestWatchServesACertificateOfAnotherCA(t *testing.T) {
	f := newFixture(t, certtest.Server())
	servers := certtest.NewCA(t, "servers")
	issue := func() {
		f.pair = servers.Issue(t, certtest.Server())
		f.write(f.files.Cert, f.pair.CertPEM())
		f.write(f.files.Key, f.pair.KeyPEM(t))
	}
	issue()
	w := newWatch(t, f)
	issue()
	w.wantTaken(1)
	if m, _ := w.Material(); !m.Chain()[0].Equal(f.pair.Chain[0]) {
		t.Error("the new pair is not in force")
	}
}

func TestWatchTakesOverACertificateWhenItBegins(t *testing.T) {
	f := newFixture(t, certtest.Server())
	w := newWatch(t, f)
	f.reissue(func(l *certtest.Leaf) { l.NotBefore = time.Now().Add(2 * time.Second) }) // certificates count in seconds
	eventually(t, "it is refused before", func() bool { return w.failed() == 1 })
	w.wantTaken(1)
	w.wantServed(f.ca, f.pair)
}
