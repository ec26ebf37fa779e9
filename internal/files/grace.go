package files

import "time"

// DefaultPatience is how long a state of files that can't be used is taken for the work
// of a writer who is not done: longer than copying three files takes.
const DefaultPatience = 5 * time.Second

// Grace tells when files that can't be used are to be told of. They are nobody's mistake
// at first, since few writers replace them at once; only after Patience are they
// refused, and once for each state S, however often they are looked at. It knows neither
// the files nor a clock. Its zero value is ready; one goroutine uses it.
type Grace[S comparable] struct {
	// Optional. Unset means [DefaultPatience].
	Patience time.Duration

	// seen is what the files were like at the last look.
	seen S
	// since is when the files ceased to be usable, or changed after they were refused;
	// zero while they are usable.
	since time.Time
	// refused is whether what was seen last has been told of.
	refused bool
	// told is whether the last word was of a refusal.
	told bool
}

// Refuse notes a state that can't be used, and reports whether it is to be told of now.
func (g *Grace[S]) Refuse(seen S, now time.Time) bool {
	if g.since.IsZero() || g.refused && seen != g.seen {
		g.since, g.refused = now, false
	}
	g.seen = seen
	patience := g.Patience
	if patience <= 0 {
		patience = DefaultPatience
	}
	if g.refused || now.Sub(g.since) < patience {
		return false
	}
	g.refused, g.told = true, true
	return true
}

// Rest notes that the files are what is in force, and reports whether the last word was
// that they are not.
func (g *Grace[S]) Rest() bool {
	told := g.told
	*g = Grace[S]{Patience: g.Patience}
	return told
}
