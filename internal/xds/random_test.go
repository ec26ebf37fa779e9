package xds_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/resources"
)

// A writer makes up a script: acts without what is to come of them. The client is
// a sound one: it changes subscriptions that it has, and after a reconnect
// subscribes to what it was subscribed to.
type writer struct {
	*rand.Rand
	delta bool
	// plain leaves out what the reference can't be asked. See [accepted].
	plain bool
	subs  map[string]map[string]bool // by label; a "" is the wildcard that names nothing
	lines []string
}

var randomLabels = []string{"cluster", "endpoint", "listener", "route", "secret"}

func makeUp(seed uint64, delta, plain bool) script {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 0)), delta: delta, plain: plain, subs: make(map[string]map[string]bool)}
	w.publish()
	for range 8 + w.IntN(25) {
		w.act()
	}
	return script(strings.Join(w.lines, "\n"))
}

func (w *writer) line(words ...string) { w.lines = append(w.lines, strings.Join(words, " ")) }

func (w *writer) act() {
	label := randomLabels[w.IntN(len(randomLabels))]
	switch n := w.IntN(20); {
	case n < 5:
		w.publish()
	case n < 12:
		w.subscribe(label)
	case n < 14:
		w.line("accept", label)
	case n < 15:
		w.line("refuse", label)
	case n < 18:
		w.line("settle")
	case n < 19:
		w.line("drain")
	default:
		w.reconnect()
	}
}

// publish makes up a content. Names are few, so that scripts meet each again.
func (w *writer) publish() {
	words := []string{"publish"}
	for _, label := range randomLabels {
		for _, name := range []string{"a", "b", "c", "d"} {
			if w.IntN(10) < 6 {
				words = append(words, fmt.Sprintf("%s/%s@%d", label, name, 1+w.IntN(2)))
			}
		}
	}
	w.line(words...)
}

func (w *writer) subscribe(label string) {
	sub, known := w.subs[label]
	if !known {
		w.subs[label] = make(map[string]bool)
		sub = w.subs[label]
		if w.IntN(2) == 0 && (label == "cluster" || label == "listener") {
			sub[""] = true
			w.line(">", label)
			return
		}
	}
	words := []string{">", label}
	for _, name := range []string{"a", "b", "c", "none", "*"} {
		if name == "*" && w.plain && !w.delta {
			continue
		}
		switch n := w.IntN(10); {
		case n < 3 && !sub[name]:
			words, sub[name] = append(words, "+"+name), true
		case n < 4 && w.delta && sub[name] && name != "*":
			words = append(words, "+"+name) // again
		case n < 5 && sub[name]:
			words = append(words, "-"+name)
			delete(sub, name)
		}
	}
	if !known && len(words) == 2 {
		words, sub["a"] = append(words, "+a"), true
	}
	if len(words) == 2 {
		return
	}
	if !w.delta {
		delete(sub, "") // a name ends it
	}
	w.line(words...)
}

func (w *writer) reconnect() {
	w.line("reconnect")
	// Removals wait a while for a client that comes back without these.
	for _, label := range []string{"listener", "route"} {
		if len(w.subs[label]) == 0 {
			w.subs[label] = map[string]bool{"a": true}
		}
	}
	for _, label := range slices.Sorted(maps.Keys(w.subs)) {
		sub := w.subs[label]
		if len(sub) == 0 {
			delete(w.subs, label)
			continue
		}
		if sub[""] && len(sub) > 1 { // a first request that names something implies nothing
			delete(sub, "")
			sub["*"] = true
		}
		words := []string{">", label}
		for _, name := range slices.Sorted(maps.Keys(sub)) {
			if name != "" {
				words = append(words, "+"+name)
			}
		}
		w.line(words...)
	}
}

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

// TestRandomScripts plays scripts that are made up, and compares what the client
// has in the end with what there is.
func TestRandomScripts(t *testing.T) {
	const scripts = uint64(60)
	f := start(t)
	snapshots := make(map[string]*resources.Snapshots)
	for seed := range scripts {
		delta := seed%2 == 0
		all := makeUp(seed, delta, false)
		ok := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			clear(snapshots)
			s := newStage(t, delta, f)
			defer s.peer.end()
			s.perform(all, snapshots)
			for _, wrong := range s.peer.wrong(s.content) {
				t.Error(wrong)
			}
		})
		if !ok {
			t.Fatalf("delta is %v; the script:\n%s", delta, all)
		}
	}
}
