package xds_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/resources"
)

// perform plays the acts of a script, whatever comes of them, and then brings the
// peer to rest.
func (s *stage) perform(all script, snapshots map[string]*resources.Snapshots) {
	s.t.Helper()
	for line := range strings.Lines(string(all)) {
		words := strings.Fields(line)
		switch words[0] {
		case "publish":
			s.t.Log(line)
			s.content = contentOf(words[1:])
			if snapshots[line] == nil {
				snapshots[line] = s.content.snapshot(s.t)
			}
			for _, publish := range s.publish {
				publish(snapshots[line])
			}
		case "settle":
			s.peer.settle()
		case "drain":
			s.peer.probe()
			s.peer.backlog = nil
		case "accept", "refuse":
			if len(s.peer.of(words[1]).open) > 0 {
				s.act(words)
			}
		default:
			s.act(words)
			if strings.Contains(line, " -") {
				s.peer.purge(words[1])
			}
		}
	}
	s.peer.settle()
}

// purge takes care of responses that came before the server heard of what the peer
// gave up. Were they taken over when the peer wants it again, the server could not
// know.
func (p *peer) purge(label string) {
	p.t.Helper()
	p.probe()
	p.backlog = nil
	s := p.of(label)
	for _, u := range s.open {
		maps.DeleteFunc(u.changed, func(name string, _ item) bool { return !s.wants(name) })
		if !p.delta { // the server passed the request over, and learns of it by the answer
			p.answer(label, false)
		}
	}
}

// settle accepts what comes until nothing does.
func (p *peer) settle() {
	p.t.Helper()
	for range 100 {
		p.probe()
		p.backlog = nil
		quiet := true
		for label, s := range p.types {
			for len(s.open) > 0 {
				p.answer(label, false)
				quiet = false
			}
		}
		if quiet {
			return
		}
	}
	p.t.Fatal("responses never end")
}

// wrong says where a peer differs from a client that has what it wants of c, but
// for what it refused.
func (p *peer) wrong(c content) []string {
	var all []string
	for label, s := range p.types {
		truth := c.of(label)
		kept := !p.delta && label != "cluster" && label != "listener"
		for name, revision := range truth {
			if has, ok := s.view[name]; s.wants(name) && !s.refused[name] && (!ok || has.revision != revision) {
				all = append(all, fmt.Sprintf("of %s %s it has %v, not revision %d", label, name, has, revision))
			}
		}
		for name := range s.view {
			if _, exists := truth[name]; label != probeLabel && !exists && !kept && !s.refused[name] {
				all = append(all, fmt.Sprintf("it has %s %s, which is gone", label, name))
			}
		}
	}
	slices.Sort(all)
	return all
}

// late says what is wrong in the end. What is gone may stay for a while after a
// reconnect, in case the client has not asked for all yet that refers to it.
func (s *stage) late(all script) []string {
	s.t.Helper()
	wrong := s.peer.wrong(s.content)
	for until := time.Now().Add(10 * time.Second); len(wrong) > 0 && strings.Contains(string(all), "reconnect") && time.Now().Before(until); {
		time.Sleep(100 * time.Millisecond)
		s.peer.settle()
		wrong = s.peer.wrong(s.content)
	}
	return wrong
}

// seeds are those of the scripts that a test plays, for as long as it may take.
func seeds(t *testing.T) iter.Seq[uint64] {
	t.Helper()
	scripts, until := uint64(400), time.Now().Add(20*time.Second)
	if testing.Short() {
		scripts = 50
	}
	return func(yield func(uint64) bool) {
		seed := uint64(0)
		for ; seed < scripts && time.Now().Before(until) && yield(seed); seed++ {
		}
		t.Logf("%d scripts were played", seed)
	}
}

// TestRandomScripts plays scripts that are made up, and compares what the client
// has in the end with what there is.
func TestRandomScripts(t *testing.T) {
	f := start(t)
	snapshots := make(map[string]*resources.Snapshots)
	for seed := range seeds(t) {
		delta := seed%2 == 0
		all := makeUp(seed, delta, false)
		ok := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			clear(snapshots)
			s := newStage(t, delta, f)
			defer s.peer.end()
			s.perform(all, snapshots)
			for _, wrong := range s.late(all) {
				t.Error(wrong)
			}
			s.remedy()
			for _, wrong := range s.late(all) {
				t.Errorf("after the remedy: %s", wrong)
			}
		})
		if !ok {
			t.Fatalf("delta is %v; the script:\n%s", delta, all)
		}
	}
}

// remedy changes one resource of each type of which the peer refused something. What
// it refused is excused no longer.
func (s *stage) remedy() {
	s.t.Helper()
	next := maps.Clone(s.content)
	var remedied []*subscription
	for label, sub := range s.peer.types {
		for _, name := range slices.Sorted(maps.Keys(s.content.of(label))) {
			if len(sub.refused) > 0 && sub.wants(name) {
				next[label+"/"+name] = 3
				remedied = append(remedied, sub)
				break
			}
		}
	}
	if len(remedied) == 0 {
		return
	}
	s.setContent(next)
	s.peer.settle()
	for _, sub := range remedied {
		clear(sub.refused)
	}
}
