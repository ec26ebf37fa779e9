// Package floodlog logs what strangers can cause as often as they like, so that each
// event is told of and none of it drowns the rest.
package floodlog

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// defaultInterval is over what time events of one reason are summed up.
	defaultInterval = time.Minute
	// linesPerInterval is how many of a reason are logged one by one before that.
	linesPerInterval = 10
)

// A Log logs each event once, and a flood of them as a flood: the first few of a
// source one by one, and how many more there were when the interval is over. It is
// safe for concurrent use.
type Log struct {
	log       *slog.Logger
	interval  time.Duration
	one, more string // the messages

	mu     sync.Mutex // guards floods
	floods map[source]*flood
}

// A source is what events are summed up by: their reason, and whose they are where that
// is proven, so that nobody's flood hides what another does. Strangers are one.
type source struct{ reason, identity string }

// maxSources bounds the identities that are told apart at a time.
const maxSources = 1024

// A flood is what happened of one source since its interval began.
type flood struct {
	level            slog.Level
	logged, withheld int
	lastRemote       string
	timer            *time.Timer
}

// New returns a log whose lines go to logger, with the message one for an event and
// more for those that are summed up. A nil logger means nowhere, and an interval of 0 a
// minute. The caller closes it.
func New(logger *slog.Logger, interval time.Duration, one, more string) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if interval == 0 {
		interval = defaultInterval
	}
	return &Log{log: logger, interval: interval, one: one, more: more, floods: make(map[source]*flood)}
}

// Event logs one, or sums it up. The level is the reason's own, identity is who is
// proven to be at the other end, or "", and attrs is asked for the rest of the line if
// there is to be one.
func (l *Log) Event(level slog.Level, reason, identity, remote string, attrs func() []any) {
	if !l.log.Enabled(context.Background(), level) || !l.note(level, source{reason, identity}, remote) {
		return
	}
	l.log.Log(context.Background(), level, l.one, append(source{reason, identity}.attrs("remote", remote), attrs()...)...) //nolint:sloglint // a constant of the caller's
}

// note counts an event, and tells whether it is to have a line of its own.
func (l *Log) note(level slog.Level, of source, remote string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.floods[of] == nil && len(l.floods) >= maxSources {
		of.identity = ""
	}
	f := l.floods[of]
	if f == nil {
		f = &flood{level: level, timer: time.AfterFunc(l.interval, func() { l.ebb(of) })}
		l.floods[of] = f
	}
	if f.logged < linesPerInterval {
		f.logged++
		return true
	}
	f.withheld++
	f.lastRemote = remote
	return false
}

// attrs are those of a line, behind others.
func (s source) attrs(before ...any) []any {
	before = append(before, "reason", s.reason)
	if s.identity != "" {
		before = append(before, "identity", s.identity)
	}
	return before
}

// ebb ends the interval of a source.
func (l *Log) ebb(of source) {
	l.mu.Lock()
	f := l.floods[of]
	delete(l.floods, of)
	l.mu.Unlock()
	if f == nil || f.withheld == 0 {
		return
	}
	l.log.Log(context.Background(), f.level, l.more, append(of.attrs(), "count", f.withheld, "interval", l.interval, "last_remote", f.lastRemote)...) //nolint:sloglint // as well
}

// Close ends every interval, and logs what it summed up.
func (l *Log) Close() {
	l.mu.Lock()
	sources := slices.SortedFunc(maps.Keys(l.floods), func(a, b source) int {
		return cmp.Or(cmp.Compare(a.reason, b.reason), cmp.Compare(a.identity, b.identity))
	})
	for _, f := range l.floods {
		f.timer.Stop()
	}
	l.mu.Unlock()
	for _, of := range sources {
		l.ebb(of)
	}
}
