package resources

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAFileOfTheSameStampIsNotReadAgain can tell by a content that came without one.
func TestAFileOfTheSameStampIsNotReadAgain(t *testing.T) {
	for _, file := range []string{"a.yaml", "secrets/web/ca.crt"} {
		t.Run(file, func(t *testing.T) {
			one, other := issue(t, nil).ca, issue(t, nil).ca
			if file == "a.yaml" {
				one, other = resourcesOf(cluster("a")), resourcesOf(cluster("b"))
			}
			size := max(len(one), len(other))
			pad := func(text string) string { return text + strings.Repeat("\n", size-len(text)) }
			path := filepath.FromSlash(file)
			then := time.Now().Add(-time.Hour)
			put := func(r *reread, text string, at time.Time) {
				write(t, filepath.Join(r.dir, path), pad(text))
				if err := os.Chtimes(filepath.Join(r.dir, path), at, at); err != nil {
					t.Fatal(err)
				}
			}
			r := newReread(t, map[string]string{file: pad(one), "b.yaml": resourcesOf(cluster("z"))})
			put(r, one, then)
			r.last = r.read()
			put(r, other, then)
			if got := r.read(); got.For("") != r.last.For("") {
				t.Error("the file was read again")
			}
			// A file is young for two seconds, in which its stamp says nothing.
			put(r, one, time.Now())
			r.read()
			put(r, other, time.Now())
			if got := r.read(); got.For("") == r.last.For("") {
				t.Error("a file that was written just now was not read again")
			}
			// A part that is not read again is still there when another one changes.
			put(r, other, then)
			r.last = r.read()
			r.write("b.yaml", resourcesOf(cluster("x")))
			if got := r.read(); len(got.For("").Resources(secretURL)) != len(r.last.For("").Resources(secretURL)) || bodyOf(t, got.For(""), "x") == nil {
				t.Error("a file that was not read again is missing")
			}
		})
	}
}

func TestOnlyThePartOfASecretThatChangedIsReadAgain(t *testing.T) {
	pair := issue(t, nil)
	r := newReread(t, map[string]string{"secrets/web/tls.crt": pair.cert, "secrets/web/tls.key": pair.key, "secrets/web/ca.crt": pair.ca})
	then := time.Now().Add(-time.Hour)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Chtimes(filepath.Join(r.dir, "secrets", "web", name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	r.read()
	before := secretsOf(t, r.last.For(""))
	r.write("secrets/web/ca.crt", issue(t, nil).ca)
	after := secretsOf(t, r.read().For(""))
	if len(after) != 2 || after["web"] != before["web"] || after["web-ca"] == before["web-ca"] {
		t.Error("the pair is not as it was, or the CA is")
	}
}

// TestWhatWasNotComeToIsReadLater has so much wrong in one file that the next one is
// left alone at first.
func TestWhatWasNotComeToIsReadLater(t *testing.T) {
	dir := folderOf(t, map[string]string{
		"a.json": `{"resources": [` + strings.Repeat("[],\n", maxFound) + "[]]}", "b.yaml": resourcesOf(cluster("b")), "secrets/s/ca.crt": issue(t, nil).ca,
	})
	for _, name := range []string{"b.yaml", "secrets/s/ca.crt"} {
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	r := newReader(Config{Dir: dir})
	for range 2 {
		if _, err := r.read(time.Now()); len(findings(t, err)) != maxFound {
			t.Fatal("too little is wrong for this test")
		}
	}
	rename(t, filepath.Join(dir, "a.json"), `{"resources": []}`)
	s, err := r.read(time.Now())
	if err != nil || namesIn(s.For("")) != "b" || len(s.For("").Resources(secretURL)) != 1 {
		t.Errorf("got %v", err)
	}
}
