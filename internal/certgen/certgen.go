// Package certgen makes what both sides of the channel identify themselves with:
// an [Authority], and the certificates that it issues, for servers or for clients
// and never for both.
//
// [NewAuthority], [ParseAuthority] and [Authority.Issue] live in memory alone. A
// [Folder] keeps an authority on disk with what it issued: it renews, walks the
// steps of a rollover, and changes the files of an identity together, so that no
// reader ever finds a certificate beside another one's key. [Secret] writes them
// as Kubernetes takes them.
//
// Private keys leave the package as the PEM that is asked for, and in no other
// way: neither an error nor a formatted value holds any of one.
package certgen

import "time"

// Backdate is how long before now a certificate begins, for peers whose clocks are
// behind. A leaf never begins before its CA does.
const Backdate = time.Hour

// What is made when nothing else is asked for.
const (
	DefaultAuthorityName     = "contour xDS CA"
	DefaultAuthorityLifetime = 3650 * 24 * time.Hour
	// DefaultLifetime of a leaf fits credentials that are replaced by hand or by a
	// pipeline, with a restart.
	DefaultLifetime = 90 * 24 * time.Hour
)

// orNow is the moment that a request was made for, in the whole seconds that a
// certificate can tell.
func orNow(now time.Time) time.Time {
	if now.IsZero() {
		now = time.Now()
	}
	return now.UTC().Truncate(time.Second)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
