package handshake

// waiters are connections that wait for their peer, as a heap with the one on
// top that has waited longest in all. It implements [container/heap.Interface].
//
// In all, and not since its last byte: who sends a byte a second has waited as
// long as who sends none, and an honest peer far away has not.
type waiters []*conn

func (w waiters) Len() int           { return len(w) }
func (w waiters) Less(i, j int) bool { return w[i].since.Before(w[j].since) }
func (w waiters) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].place, w[j].place = i, j
}

// Push implements [container/heap.Interface].
func (w *waiters) Push(x any) {
	c := x.(*conn)
	c.place = len(*w)
	*w = append(*w, c)
}

// Pop implements [container/heap.Interface].
func (w *waiters) Pop() any {
	last := len(*w) - 1
	c := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	c.place = nowhere
	return c
}

// nowhere is the place of a connection that does not wait.
const nowhere = -1

// longest returns the one of a few connections that has waited longest for its
// peer, or nil when none waits.
func longest(of map[*conn]struct{}) *conn {
	var found *conn
	for c := range of {
		if c.place != nowhere && (found == nil || c.since.Before(found.since)) {
			found = c
		}
	}
	return found
}
