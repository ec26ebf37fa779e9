package credentials

import (
	"errors"
	"fmt"

	"github.com/contour-xds/contour/internal/certgen"
)

// round does what is due, and serves what is there then. While another folder is in the
// place of the one that is locked, nothing is due: what is in it is somebody else's.
func (g *Generated) round() {
	if err := g.keeper.hold(); err != nil {
		g.note(nil, err)
		return
	}
	changes, failed := g.keeper.keep()
	next, err := g.read()
	if err == nil && next.material.Fingerprint() != g.current.Load().material.Fingerprint() {
		g.take(next)
	}
	g.note(changes, errors.Join(failed, err))
}

// read makes a generation of the server's files. One that its own bundle does not
// verify is the work of another hand, and is not served; nor are those of another folder.
func (g *Generated) read() (*candidate, error) {
	read, err := g.files.read()
	if err != nil {
		return nil, err
	}
	if err := g.keeper.hold(); err != nil { // afterwards, or another folder may have come meanwhile
		return nil, err
	}
	next, err := read.check(g.files, Server, g.cfg.Now())
	if err == nil && next.unverified != nil {
		err = g.files.CA.wrap(fmt.Errorf("the bundle does not verify the server's certificate %q: %w", g.files.Cert.Path, next.unverified))
	}
	return next, err
}

// take puts the next generation in force. Whoever is woken by it finds it there.
func (g *Generated) take(next *candidate) {
	before := g.current.Swap(&inForce{next, make(chan struct{})})
	close(before.superseded)
	g.cfg.Logger.Info("new credentials are served from the next handshake on", "serving", next.material.Fingerprint(),
		"before", before.material.Fingerprint(), "not_after", stamp(next.material.chain[0].NotAfter))
}

// note counts and logs a round: each change, and where failing begins and ends.
func (g *Generated) note(changes []certgen.Change, failed error) {
	for _, change := range changes {
		g.keeper.logChange(change)
	}
	g.metrics.observe(changes, failed, g.keeper.clientEnd())
	serving := g.current.Load().material
	switch {
	case failed != nil && g.failures == 0:
		g.cfg.Logger.Warn("the state folder can't be kept up; what was loaded before is served on, and it is tried again by itself",
			"error", failed, "serving", serving.Fingerprint(), "not_after", stamp(serving.chain[0].NotAfter))
	case failed == nil && g.failures > 0:
		g.cfg.Logger.Info("the state folder is kept up again", "serving", serving.Fingerprint(), "not_after", stamp(serving.chain[0].NotAfter))
	}
	if failed == nil {
		g.failures = 0
		return
	}
	g.failures++
}
