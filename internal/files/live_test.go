package files_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/logtest"
)

// patience is short enough to wait for, where a test is of what comes after it.
const patience = 150 * time.Millisecond

// live follows one file in a mount, whose content is a word: "bad" can't be parsed.
type live struct {
	*files.Live[string]
	t   *testing.T
	log *logtest.Buffer
}

func parseWord(data []byte) (string, error) {
	if strings.HasPrefix(string(data), "bad") {
		return "", errors.New("line 1: is bad; write something good")
	}
	return string(data), nil
}

func newLive(t *testing.T, path string, patience time.Duration) *live {
	t.Helper()
	return newLiveThat(t, path, patience, nil)
}

func newLiveThat(t *testing.T, path string, patience time.Duration, accepts func(next, before string) error) *live {
	t.Helper()
	log := &logtest.Buffer{}
	l, err := files.NewLive(files.LiveConfig[string]{
		Setting: "--word", Path: path, What: "word list", Parse: parseWord, Accept: accepts, Name: "word",
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		Poll:   10 * time.Millisecond, Settle: 2 * time.Millisecond, Patience: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &live{l, t, log}
}

// series returns the value of a metric's one series that has this label's value, or no
// label.
func (l *live) series(name, label string) float64 {
	l.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(l)
	families, err := registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := m.GetLabel()
			if family.GetName() == name && (label == "" && len(labels) == 0 || len(labels) == 1 && labels[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	l.t.Fatalf("there is no series %s %s", name, label)
	return 0
}

// wantCounts compares the metrics with what they should be.
func (l *live) wantCounts(succeeded, failed, pending float64) {
	l.t.Helper()
	got := [3]float64{l.series("contour_word_reloads_total", "success"), l.series("contour_word_reloads_total", "failure"), l.series("contour_word_pending", "")}
	if want := [3]float64{succeeded, failed, pending}; got != want {
		l.t.Errorf("successes, failures and pending are %v, want %v", got, want)
	}
}

func (l *live) wantLines(lines int, last string) {
	l.t.Helper()
	if text := l.log.String(); strings.Count(text, "\n") != lines || !strings.Contains(text, last) {
		l.t.Errorf("want %d lines, one of them with %q, and have:\n%s", lines, last, text)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func (l *live) wantCurrent(word string) {
	l.t.Helper()
	eventually(l.t, "the word is "+word, func() bool { return l.Current() == word })
}

func TestLiveTakesOver(t *testing.T) {
	rows := []struct {
		name   string
		change func(t *testing.T, m *mount)
	}{
		{"a swap of ..data", func(_ *testing.T, m *mount) { m.swap(map[string]string{"a": "two"}) }},
		{"a rewrite in place, behind the link", func(t *testing.T, m *mount) { write(t, m.path("a"), "two") }},
		{"an editor's rename over the file", func(t *testing.T, m *mount) {
			write(t, m.path(".a.swp"), "two")
			if err := os.Rename(m.path(".a.swp"), m.path("a")); err != nil {
				t.Fatal(err)
			}
		}},
		{"the whole folder made anew", func(t *testing.T, m *mount) {
			remove(t, m.dir)
			write(t, m.path("a"), "two")
		}},
		{"what was rewritten in place with its size and its time of before", func(t *testing.T, m *mount) {
			info, err := os.Stat(m.path("a"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, m.path("a"), "two")
			if err := os.Chtimes(m.path("a"), info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := newMount(t, map[string]string{"a": "one"})
			l := newLive(t, m.path("a"), time.Minute)
			l.wantCounts(0, 0, 0)
			changed := l.Changed()
			row.change(t, m)
			wait(t, changed)
			if l.Current() != "two" {
				t.Errorf("the channel is closed and the word is %q", l.Current())
			}
			eventually(t, "it is logged", func() bool { return l.log.String() != "" })
			l.wantCounts(1, 0, 0)
			l.wantLines(1, `msg="a changed file is in force" what="word list"`)
		})
	}
}

func TestLiveKeepsTheLastGoodThrough(t *testing.T) {
	rows := []struct {
		name string
		make func(t *testing.T, m *mount)
		says string
	}{
		{"a content that can't be parsed", func(_ *testing.T, m *mount) { m.swap(map[string]string{"a": "bad"}) }, "line 1: is bad; write something good"},
		{"an empty file", func(t *testing.T, m *mount) { write(t, m.path("a"), "") }, "the file is empty"},
		{"a file that is gone", func(t *testing.T, m *mount) { remove(t, m.path("a")) }, "check the path"},
		{"a folder that is gone", func(t *testing.T, m *mount) { remove(t, m.dir) }, "check the path"},
		{"a folder in its place", func(t *testing.T, m *mount) {
			remove(t, m.path("a"))
			write(t, filepath.Join(m.path("a"), "x"), "")
		}, "give a file, not a folder"},
		{"a disk image", func(t *testing.T, m *mount) {
			write(t, m.path(".image"), strings.Repeat("x", files.MaxLiveBytes+1)) // whose beginning is a word
			if err := os.Rename(m.path(".image"), m.path("a")); err != nil {
				t.Fatal(err)
			}
		}, "16 MiB, which no word list reaches"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := newMount(t, map[string]string{"a": "one"})
			l := newLive(t, m.path("a"), patience)
			changed := l.Changed()
			row.make(t, m)
			eventually(t, "it is counted", func() bool { return l.series("contour_word_reloads_total", "failure") == 1 })
			time.Sleep(patience) // and it is tried again and again
			l.wantCounts(0, 1, 1)
			l.wantLines(1, `--word \"`+m.path("a")+`\": `)
			l.wantLines(1, row.says)
			if l.Current() != "one" {
				t.Errorf("the word is %q", l.Current())
			}
			select {
			case <-changed:
				t.Error("a change is announced")
			default:
			}

			remove(t, m.dir)
			write(t, m.path("a"), "one")
			eventually(t, "nothing is pending", func() bool { return l.series("contour_word_pending", "") == 0 })
			l.wantLines(2, "is what is in force again")
			write(t, m.path("a"), "two")
			l.wantCurrent("two")
		})
	}
}

func TestLiveLetsAWriterFinish(t *testing.T) {
	m := newMount(t, map[string]string{"a": "one"})
	l := newLive(t, m.path("a"), time.Minute)
	write(t, m.path("a"), "bad: half")
	eventually(t, "the metric says that the file waits", func() bool { return l.series("contour_word_pending", "") == 1 })
	write(t, m.path("a"), "two")
	l.wantCurrent("two")
	eventually(t, "it is logged", func() bool { return l.log.String() != "" })
	l.wantCounts(1, 0, 0)
	l.wantLines(1, "a changed file is in force")
}

func TestLiveCountsEachContentOnce(t *testing.T) {
	m := newMount(t, map[string]string{"a": "one"})
	l := newLive(t, m.path("a"), patience)
	for n, word := range []string{"bad first", "bad other"} {
		write(t, m.path("a"), word)
		eventually(t, word+" is counted", func() bool { return l.series("contour_word_reloads_total", "failure") == float64(n+1) })
	}
	time.Sleep(2 * patience)
	l.wantCounts(0, 2, 1)
	l.wantLines(2, "is bad")

	write(t, m.path("a"), "two")
	l.wantCurrent("two")
	time.Sleep(patience) // and nothing more is said
	l.wantCounts(1, 2, 0)
	l.wantLines(3, "a changed file is in force")
}

// TestLiveKeepsWhatMayNotBeFollowed has words that must not get shorter, unless they begin
// with another letter.
func TestLiveKeepsWhatMayNotBeFollowed(t *testing.T) {
	m := newMount(t, map[string]string{"a": "aaa"})
	l := newLiveThat(t, m.path("a"), patience, func(next, before string) error {
		if next[0] == before[0] && len(next) < len(before) {
			return errors.New("the word is shorter than before; write a longer one")
		}
		return nil
	})
	write(t, m.path("a"), "a")
	eventually(t, "it is counted", func() bool { return l.series("contour_word_reloads_total", "failure") == 1 })
	time.Sleep(patience) // and it is tried again and again
	l.wantCounts(0, 1, 1)
	l.wantLines(1, `--word \"`+m.path("a")+`\": the word is shorter than before`)
	l.wantCurrent("aaa")
	write(t, m.path("a"), "b")
	l.wantCurrent("b")
	write(t, m.path("a"), "a") // which may follow that one
	l.wantCurrent("a")
	eventually(t, "it is counted", func() bool { return l.series("contour_word_reloads_total", "success") == 2 })
	l.wantCounts(2, 1, 0)
}

func TestLiveCloseMayBeCalledAgainAndKeepsTheValue(t *testing.T) {
	m := newMount(t, map[string]string{"a": "one"})
	l := newLive(t, m.path("a"), patience)
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(t, m.path("a"), "two")
	time.Sleep(patience)
	if l.Current() != "one" {
		t.Errorf("the word is %q", l.Current())
	}
}

func TestNewLiveRefusesWhatIsWrong(t *testing.T) {
	rows := []struct {
		name, content, says string
	}{
		{"a file that is missing", "", "check the path"},
		{"a content that can't be parsed", "bad", "is bad; write something good"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a")
			if row.content != "" {
				write(t, path, row.content)
			}
			_, err := files.NewLive(files.LiveConfig[string]{Setting: "--word", Path: path, What: "word list", Parse: parseWord, Name: "word"})
			if err == nil || !strings.HasPrefix(err.Error(), `--word "`+path+`": `) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
