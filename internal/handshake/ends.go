package handshake

import (
	"container/heap"
	"time"
)

// ends are live connections as a heap with the one on top whose certificates end
// first, so that looking for those that ended costs nothing while there is none. A
// timer for each would cost more, and would count by a clock that does not know of
// the wall clock's jumps. It implements [container/heap.Interface].
type ends []*conn

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e ends) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].ending, e[j].ending = i, j
}

// Push implements [container/heap.Interface].
func (e *ends) Push(x any) {
	c := x.(*conn)
	c.ending = len(*e)
	*e = append(*e, c)
}

// Pop implements [container/heap.Interface].
func (e *ends) Pop() any {
	last := len(*e) - 1
	c := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	c.ending = nowhere
	return c
}

func (e *ends) remove(c *conn) {
	if c.ending != nowhere {
		heap.Remove(e, c.ending)
	}
}

// before calls f for each that has ended at the time now, in no order.
func (e ends) before(now time.Time, f func(*conn)) { e.beforeFrom(0, now, f) }

// beforeFrom goes no further down where one has not ended: those below it end later.
func (e ends) beforeFrom(i int, now time.Time, f func(*conn)) {
	if i >= len(e) || !now.After(e[i].until) {
		return
	}
	f(e[i])
	e.beforeFrom(2*i+1, now, f)
	e.beforeFrom(2*i+2, now, f)
}
