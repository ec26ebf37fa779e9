package credentials

import (
	"fmt"
	"time"
)

// sight tells states of the files apart: by their content, or by why it can't be had.
type sight struct {
	digests digests
	failure string
}

// look compares the files with what is served, and takes them over, or notes that they
// can't be used.
func (w *Watch) look(now time.Time) {
	read, err := w.cfg.Files.read()
	if err != nil {
		w.wait(sight{failure: err.Error()}, err, now)
		return
	}
	sums := read.digests()
	if sums == w.loaded {
		w.rest()
		return
	}
	next, err := w.next(read, now)
	if err != nil {
		w.wait(sight{digests: sums}, err, now)
		return
	}
	w.loaded = sums
	if next.material.Fingerprint() != w.current.Load().material.Fingerprint() {
		w.take(next, now)
	}
	w.rest()
}

// next makes of what was read a generation that may follow the one in force. It refuses
// one whose own certificate its bundle does not verify, where the one in force is whole
// in that sense: most often it is the work of a writer who stopped halfway, such as a new
// pair beside the old bundle, or the other way round, or a chain that lost its end.
// [Load] only warns of it, since a start has nothing better to serve.
func (w *Watch) next(read content, now time.Time) (*candidate, error) {
	next, err := read.check(w.cfg.Files, Server, now)
	if err != nil || next.unverified == nil || w.current.Load().unverified != nil {
		return next, err
	}
	return nil, fmt.Errorf("%w (%s %q); replace all three files by those that belong together, put the missing CA into the bundle, or restart to serve them as they are",
		w.cfg.Files.CA.wrap(fmt.Errorf("the bundle does not verify our own certificate: %w", next.unverified)),
		w.cfg.Files.Cert.Setting, w.cfg.Files.Cert.Path)
}

// take puts the next generation in force, and says so.
func (w *Watch) take(next *candidate, now time.Time) {
	before := w.current.Load().material.Fingerprint()
	w.swap(next)
	w.grace.Rest()
	w.metrics.succeeded.Inc()
	w.cfg.Logger.Info("new credentials are served from the next handshake on",
		"serving", next.material.Fingerprint(), "before", before, "not_after", stamp(next.material.chain[0].NotAfter))
	next.warn(w.cfg.Files, Server, now, w.cfg.Logger)
}

// rest notes that what is on disk is what is served.
func (w *Watch) rest() {
	if w.grace.Rest() {
		w.cfg.Logger.Info("the credential files are those that are served again", "serving", w.current.Load().material.Fingerprint())
	}
	w.metrics.pending.Set(0)
}

// wait notes that the files can't be used, and refuses them when they have not become
// usable for too long.
func (w *Watch) wait(seen sight, err error, now time.Time) {
	w.metrics.pending.Set(1)
	if !w.grace.Refuse(seen, now) {
		return
	}
	w.metrics.failed.Inc()
	serving := w.current.Load().material
	w.cfg.Logger.Warn("the credential files on disk can't be used; what was loaded before is served on, and they are tried again by themselves",
		"error", err, "serving", serving.Fingerprint(), "not_after", stamp(serving.chain[0].NotAfter))
}
