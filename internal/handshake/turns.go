package handshake

import (
	"container/list"
	"context"
	"sync"
)

// turns are the right to compute, so many at once. They are given in order of
// arrival, but those whose peer has done its part once come before those that
// begin: who floods the door with first words only keeps out others' first words,
// and no handshake that began is left to time out. It is safe for concurrent use.
type turns struct {
	mu           sync.Mutex // guards the rest
	free         int
	begun, fresh list.List // of chan struct{}, one for each that waits
}

func newTurns(n int) *turns { return &turns{free: n} }

// try takes a turn if nobody has to be waited for.
func (t *turns) try() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == 0 {
		return false
	}
	t.free--
	return true
}

// wait takes a turn when it comes, or returns the error of ctx.
func (t *turns) wait(ctx context.Context, begun bool) error {
	line, given := &t.fresh, make(chan struct{})
	if begun {
		line = &t.begun
	}
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	place := line.PushBack(given)
	t.mu.Unlock()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-given: // it came all the same
		return nil
	default:
		line.Remove(place)
		return ctx.Err()
	}
}

// release gives a turn back, to the next in line if there is one.
func (t *turns) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range []*list.List{&t.begun, &t.fresh} {
		if next := line.Front(); next != nil {
			close(line.Remove(next).(chan struct{}))
			return
		}
	}
	t.free++
}
