package revocation

import (
	"sync"
	"time"
)

// notedFor is how long the same is not said again.
const notedFor = time.Minute

// maxNoted bounds what is remembered. Issuers are CAs of verified chains, of which there
// are few, but one that makes others may present any number.
const maxNoted = 100

// noted remembers what was logged. Its zero value is ready.
type noted struct {
	mu    sync.Mutex // guards what follows
	lists *Lists
	at    map[Unknown]time.Time
}

// first tells whether something is to be said: it is new, or of other lists than
// before, or was not said for a while.
func (n *noted) first(lists *Lists, what Unknown, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lists != lists {
		n.lists, n.at = lists, make(map[Unknown]time.Time)
	}
	last, known := n.at[what]
	if known && now.Sub(last) < notedFor {
		return false
	}
	if !known && len(n.at) >= maxNoted {
		for old, said := range n.at {
			if now.Sub(said) >= notedFor {
				delete(n.at, old)
			}
		}
		if len(n.at) >= maxNoted {
			return false // enough has been said for this minute
		}
	}
	n.at[what] = now
	return true
}
