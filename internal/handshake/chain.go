package handshake

// A chain is connections in a list that costs nothing beyond them. A connection is
// in one chain at most.
type chain struct {
	first *conn
	count int
}

func (l *chain) add(c *conn) {
	c.next = l.first
	if l.first != nil {
		l.first.previous = c
	}
	l.first = c
	l.count++
}

func (l *chain) remove(c *conn) {
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	}
	c.next, c.previous = nil, nil
	l.count--
}

func (l *chain) all() []*conn {
	all := make([]*conn, 0, l.count)
	for c := l.first; c != nil; c = c.next {
		all = append(all, c)
	}
	return all
}
