package credentials_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// fault is a state in which a writer, a disk or a person left the files.
type fault struct {
	name string
	make func(f *fixture, next *generation)
	// says is part of the log line that tells of it.
	says string
}

// generation is what a writer was about to put in place: all of it new, and of a CA
// that the one before does not know.
type generation struct {
	ca   *certtest.CA
	pair *certtest.Pair
}

func newGeneration(t *testing.T) *generation {
	ca := certtest.NewCA(t, "next")
	return &generation{ca, ca.Intermediate(t, "next intermediate").Issue(t, certtest.Server())}
}

// put writes it over what is there, whatever that is.
func (g *generation) put(f *fixture) {
	f.t.Helper()
	dir := filepath.Dir(f.files.CA)
	for _, path := range []string{f.files.CA, f.files.Cert, f.files.Key} {
		if err := os.RemoveAll(path); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	f.ca, f.pair = g.ca, g.pair
	certtest.WriteFiles(f.t, dir, g.ca, g.pair)
}

func half(data []byte) []byte { return data[:len(data)/2] }

// untilSecond is the first certificate of a chain or bundle: a part that is whole in
// itself.
func untilSecond(data []byte) []byte {
	const begin = "-----BEGIN CERTIFICATE-----"
	i := strings.Index(string(data)[1:], begin)
	return data[:i+1]
}

var faults = []fault{
	{"the certificate is half written", func(f *fixture, n *generation) { f.write(f.files.Cert, half(n.pair.CertPEM())) }, "--contour-mtls-cert"},
	{"the key is half written", func(f *fixture, n *generation) { f.write(f.files.Key, half(n.pair.KeyPEM(f.t))) }, "--contour-mtls-key"},
	{"the bundle is half written", func(f *fixture, n *generation) { f.write(f.files.CA, half(n.ca.PEM())) }, "--contour-cafile"},
	{"the certificate is empty", func(f *fixture, _ *generation) { f.write(f.files.Cert, nil) }, "the file is empty"},
	{"the key is empty", func(f *fixture, _ *generation) { f.write(f.files.Key, nil) }, "the file is empty"},
	{"the bundle is empty", func(f *fixture, _ *generation) { f.write(f.files.CA, nil) }, "the file is empty"},
	{"the chain is cut between two certificates", func(f *fixture, n *generation) {
		f.write(f.files.CA, append(f.ca.PEM(), n.ca.PEM()...))
		f.write(f.files.Key, n.pair.KeyPEM(f.t))
		f.write(f.files.Cert, untilSecond(n.pair.CertPEM()))
	}, "does not verify our own certificate"},
	{"the key is of another certificate", func(f *fixture, n *generation) { f.write(f.files.Key, n.pair.KeyPEM(f.t)) }, "the key is not the certificate's"},
	{"the certificate is of another key", func(f *fixture, n *generation) { f.write(f.files.Cert, n.pair.CertPEM()) }, "the key is not the certificate's"},
	{"only the pair is new", func(f *fixture, n *generation) {
		f.write(f.files.Cert, n.pair.CertPEM())
		f.write(f.files.Key, n.pair.KeyPEM(f.t))
	}, "does not verify our own certificate"},
	{"only the CA is new", func(f *fixture, n *generation) { f.write(f.files.CA, n.ca.PEM()) }, "does not verify our own certificate"},
	{"the bundle holds no CA", func(f *fixture, n *generation) { f.write(f.files.CA, untilSecond(n.pair.CertPEM())) }, "holds no CA certificate"},
	{"the certificate has ended", func(f *fixture, _ *generation) {
		leaf := certtest.Server()
		leaf.NotAfter = time.Now().Add(-time.Minute)
		certtest.WriteFiles(f.t, filepath.Dir(f.files.CA), f.ca, f.ca.Issue(f.t, leaf))
	}, "expired"},
	{"the certificate is a client's", func(f *fixture, _ *generation) {
		certtest.WriteFiles(f.t, filepath.Dir(f.files.CA), f.ca, f.ca.Issue(f.t, certtest.Client()))
	}, "extendedKeyUsage=serverAuth"},
	{"the bundle is as large as a disk image", func(f *fixture, _ *generation) { f.write(f.files.CA, make([]byte, 1<<20+1)) }, "1 MiB"},
	{"the key is gone", func(f *fixture, _ *generation) { f.remove(f.files.Key) }, "check the path"},
	{"the folder is gone", func(f *fixture, _ *generation) { f.removeAll(filepath.Dir(f.files.CA)) }, "check the path"},
	{"a folder stands in a file's place", func(f *fixture, _ *generation) {
		f.remove(f.files.Cert)
		if err := os.Mkdir(f.files.Cert, 0o700); err != nil {
			f.t.Fatal(err)
		}
	}, "give a file, not a folder"},
	{"a link leads to itself", func(f *fixture, _ *generation) { f.link(filepath.Base(f.files.Key), f.files.Key) }, "point the symbolic link at the file"},
	{"two links lead to each other", func(f *fixture, _ *generation) {
		f.link(filepath.Base(f.files.Key), f.files.Cert)
		f.link(filepath.Base(f.files.Cert), f.files.Key)
	}, "point the symbolic link at the file"},
	{"a link leads nowhere", func(f *fixture, _ *generation) { f.link("..gone/tls.key", f.files.Key) }, "check the path"},
}

func (f *fixture) removeAll(path string) {
	f.t.Helper()
	if err := os.RemoveAll(path); err != nil {
		f.t.Fatal(err)
	}
}

// link puts a link in a file's place.
func (f *fixture) link(target, path string) {
	f.t.Helper()
	f.removeAll(path)
	if err := os.Symlink(target, path); err != nil {
		f.t.Fatal(err)
	}
}

// TestWatchServesOnThroughEveryFault has the metric and one line tell of each, and finds that nothing but good files is needed afterwards: the next
// generation, or the one that is served.
func TestWatchServesOnThroughEveryFault(t *testing.T) {
	t.Parallel()
	for _, row := range faults {
		for name, mend := range map[string]func(*watched, *fixture, *generation){
			"then the next generation comes": mendByNext, "then the old one is back": mendByOld,
		} {
			t.Run(row.name+", "+name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, certtest.Server())
				next := newGeneration(t)
				w := newWatch(t, f)
				row.make(f, next)
				w.wantRefused(f, row.says)
				mend(w, f, next)
				f.keepsTheKey(w.log.String())
			})
		}
	}
}

// wantRefused waits until a fault is told of, and finds that it is only once, and that
// what was in force still is.
func (w *watched) wantRefused(f *fixture, says string) {
	w.t.Helper()
	eventually(w.t, "the metric says that files wait", func() bool { return w.pending() == 1 })
	w.wantServed(f.ca, f.pair)
	eventually(w.t, "the fault is counted", func() bool { return w.failed() == 1 })
	settled() // and it is tried again and again
	if w.failed() != 1 || w.succeeded() != 0 || w.pending() != 1 {
		w.t.Errorf("%v failures, %v successes, pending %v", w.failed(), w.succeeded(), w.pending())
	}
	if n := strings.Count(w.log.String(), "\n"); n != 1 || !strings.Contains(w.log.String(), says) {
		w.t.Errorf("%d lines, or none that says %q:\n%s", n, says, w.log)
	}
	w.wantServed(f.ca, f.pair)
}

func mendByNext(w *watched, f *fixture, next *generation) {
	w.t.Helper()
	next.put(f)
	w.wantTaken(1)
	w.wantServed(f.ca, f.pair)
	settled() // and nothing is said of the generation before
	if w.failed() != 1 || strings.Contains(w.log.String(), "served again") {
		w.t.Errorf("%v failures, and the log %s", w.failed(), w.log)
	}
}

func mendByOld(w *watched, f *fixture, _ *generation) {
	w.t.Helper()
	before, _ := w.Material()
	(&generation{f.ca, f.pair}).put(f)
	eventually(w.t, "nothing is pending", func() bool { return w.pending() == 0 })
	if now, _ := w.Material(); now != before || w.succeeded() != 0 || w.failed() != 1 {
		w.t.Errorf("%v successes and %v failures", w.succeeded(), w.failed())
	}
	if !strings.Contains(w.log.String(), "are those that are served again") {
		w.t.Errorf("the log ends with a refusal: %s", w.log)
	}
}

// TestWatchLetsAWriterFinish has one replace file by file, slower than the files settle
// and before patience ends: one generation comes of it, and nobody is alarmed.
func TestWatchLetsAWriterFinish(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"ca cert key", "cert key ca", "key ca cert"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, certtest.Server())
			w := newPatientWatch(t, f, time.Minute)
			before, _ := w.Material()
			next := newGeneration(t)
			for step, file := range strings.Fields(order) {
				switch file {
				case "ca":
					f.write(f.files.CA, next.ca.PEM())
				case "cert":
					f.write(f.files.Cert, next.pair.CertPEM())
				case "key":
					f.write(f.files.Key, next.pair.KeyPEM(t))
				}
				if step < 2 {
					eventually(t, "the metric says that files wait", func() bool { return w.pending() == 1 })
					if now, _ := w.Material(); now != before {
						t.Fatalf("a part of the generation is in force after %d files", step+1)
					}
				}
			}
			w.wantTaken(1)
			w.wantServed(next.ca, next.pair)
			if w.failed() != 0 || strings.Count(w.log.String(), "\n") != 1 {
				t.Errorf("%v failures, and the log %s", w.failed(), w.log)
			}
		})
	}
}

// TestWatchCountsEachContentOnce spoils the files in two ways, one after the other.
func TestWatchCountsEachContentOnce(t *testing.T) {
	f := newFixture(t, certtest.Server())
	w := newWatch(t, f)
	f.write(f.files.Key, []byte("first"))
	eventually(t, "the first is counted", func() bool { return w.failed() == 1 })
	f.write(f.files.Key, []byte("other"))
	eventually(t, "the other is counted", func() bool { return w.failed() == 2 })
	f.write(f.files.Key, []byte("other"))
	settled()
	if n := strings.Count(w.log.String(), "\n"); n != 2 || w.failed() != 2 || w.pending() != 1 {
		t.Errorf("%d lines, %v failures, pending %v", n, w.failed(), w.pending())
	}
}
