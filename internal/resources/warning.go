package resources

import (
	"fmt"
	"time"
)

// warning is what is unwise about a resource that is served all the same: always, or
// outside of the time of a certificate.
type warning struct {
	finding Finding
	// number is the certificate's place in the file, 0 for a warning that always holds.
	number              int
	notBefore, notAfter time.Time
	remedy              string
}

// holds returns what is to be said at that time, if anything is.
func (w warning) holds(now time.Time) (Finding, bool) {
	f := w.finding
	switch {
	case w.number == 0:
	case now.After(w.notAfter):
		f.Problem = fmt.Sprintf("certificate %d expired at %s, and is served all the same: %s", w.number, stamp(w.notAfter), w.remedy)
	case now.Before(w.notBefore):
		f.Problem = fmt.Sprintf("certificate %d is not valid before %s, and is served all the same: check this machine's clock, or issue it anew", w.number, stamp(w.notBefore))
	default:
		return f, false
	}
	return f, true
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// warned returns what is to be said of the unit at that time.
func (u *unit) warned(now time.Time) Errors {
	var warned Errors
	for _, w := range u.warnings {
		if f, ok := w.holds(now); ok {
			warned = append(warned, f)
		}
	}
	return warned
}
