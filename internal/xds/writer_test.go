package xds_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
