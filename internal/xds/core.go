package xds

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/contour-xds/contour/internal/resources"
)

// A core holds what each group of Envoys is served, and wakes the streams of a
// group when that changes. It is safe for concurrent use. Streams read it without
// a lock.
type core struct {
	mu     sync.Mutex // serializes publishing
	groups atomic.Pointer[map[string]moment]
	// secrets are the names of all secrets of all groups, for whoever asks for one that
	// is not there for it.
	secrets atomic.Pointer[func() map[string]struct{}]
}

// A moment is what a group is served now. It is immutable.
type moment struct {
	generation *generation
	// over is closed when something else is served.
	over chan struct{}
}

// everyone is the group of those whose own has no folder.
const everyone = ""

// publish makes snapshots the ones in force, by the name of their group. A group
// whose content is as it was is not woken.
func (c *core) publish(snapshots map[string]*resources.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := map[string]moment{}
	if current := c.groups.Load(); current != nil {
		before = *current
	}
	// Everyone's comes first, since the others take what stands at the top from it.
	now := map[string]moment{everyone: next(snapshots[everyone], before[everyone], nil)}
	for group, snapshot := range snapshots {
		if group != everyone {
			now[group] = next(snapshot, before[group], now[everyone].generation)
		}
	}
	if !sameGroups(before, now) && now[everyone].over == before[everyone].over {
		// One of those who stand with everyone may have a group of its own now.
		now[everyone] = moment{now[everyone].generation, make(chan struct{})}
	}
	c.groups.Store(&now)
	secrets := sync.OnceValue(func() map[string]struct{} { return secretNames(now) })
	c.secrets.Store(&secrets)
	for group, m := range before {
		if now[group].over != m.over {
			close(m.over)
		}
	}
}

// next is the moment of a group that comes after another, whose generation is nil
// for a new group.
func next(snapshot *resources.Snapshot, before moment, top *generation) moment {
	g := newGeneration(snapshot, before.generation, top)
	if before.generation != nil && g.sameAs(before.generation) {
		return before
	}
	return moment{g, make(chan struct{})}
}

func sameGroups(a, b map[string]moment) bool {
	return maps.EqualFunc(a, b, func(moment, moment) bool { return true })
}

// of returns what an Envoy of a group is served now.
func (c *core) of(group string) moment {
	groups := *c.groups.Load()
	if m, ok := groups[group]; ok {
		return m
	}
	return groups[everyone]
}

// hasSecret tells whether a secret of that name exists in any group.
func (c *core) hasSecret(name string) bool {
	_, ok := (*c.secrets.Load())()[name]
	return ok
}

func secretNames(groups map[string]moment) map[string]struct{} {
	names := make(map[string]struct{})
	for _, m := range groups {
		for _, r := range m.generation.secrets.whole.all {
			names[r.name] = struct{}{}
		}
	}
	return names
}
