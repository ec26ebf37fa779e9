package xds_test

import (
	"slices"
	"testing"

	"github.com/contour-xds/contour/internal/xds"
)

// TestWithheldIsWhatTheClientDoesNotGet asks for secrets while the client owes an answer
// about clusters, so that it is not brought to the newest of everything yet.
func TestWithheldIsWhatTheClientDoesNotGet(t *testing.T) {
	gate := newFickle()
	f := start(t, func(cfg *xds.Config) { cfg.Gate = gate })
	f.Publish(secretWorlds[0].snapshot(t))
	gate.decide("")
	p := newPeer(t, f.conn, true)
	p.subscribe("cluster", []string{"*"}, nil)
	p.next() // and says nothing to it
	gate.decide("", "s4")
	p.subscribe("secret", []string{"s4", "s3", "s-none"}, nil)
	p.probe()
	gate.mu.Lock()
	defer gate.mu.Unlock()
	if !slices.Equal(gate.told, []string{"s3"}) {
		t.Errorf("counted as withheld: %v, want s3 alone", gate.told)
	}
	if u := p.next(); u.label != "secret" || len(u.changed) != 1 {
		t.Errorf("got %q", u)
	}
}
