package certgen

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// maxLifetime keeps dates within what every reader of certificates takes.
const maxLifetime = 36500 * day

// ParseLifetime takes days, as 90d, besides what [time.ParseDuration] takes.
func ParseLifetime(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 32)
	var more time.Duration
	if err == nil && rest != "" {
		more, err = time.ParseDuration(rest)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no lifetime such as 90d, 36h or 15m", text)
	}
	if n > uint64(maxLifetime/day) {
		return 0, fmt.Errorf("%q is too long; give 100 years (%s) at most", text, FormatLifetime(maxLifetime))
	}
	lifetime := time.Duration(n)*day + more
	return lifetime, checkLifetime(lifetime)
}

// FormatLifetime is a lifetime as [ParseLifetime] takes it, to the second.
func FormatLifetime(d time.Duration) string {
	d = d.Truncate(time.Second)
	days, rest := d/day, d%day
	switch {
	case days == 0:
		return rest.String()
	case rest == 0:
		return fmt.Sprintf("%dd", days)
	}
	return fmt.Sprintf("%dd%s", days, rest)
}

func checkLifetime(d time.Duration) error {
	switch {
	case d < time.Second:
		return fmt.Errorf("a lifetime of %s is none; give one such as 90d", d)
	case d > maxLifetime:
		return errors.New("its lifetime is too long; give 100 years at most")
	}
	return nil
}

// spent tells whether less than a third of the life of what was issued is left.
func spent(start, end, now time.Time) bool { return end.Sub(now) < lifetimeOf(start, end)/3 }

// lifetimeOf is the lifetime that a certificate was issued with.
func lifetimeOf(start, end time.Time) time.Duration {
	whole := end.Sub(start)
	if whole > Backdate {
		return whole - Backdate
	}
	return whole // of another maker, who does not back-date as much
}
