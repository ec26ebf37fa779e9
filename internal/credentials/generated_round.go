package credentials

import (
	"errors"
	"fmt"

	"github.com/contour-xds/contour/internal/certgen"
)

// The identities of a state folder, which are those that contour certgen makes.
const (
	generatedServer = "contour"
	generatedClient = "envoy"
)

// stateSetting is what an operator knows the files of a state folder by.
const stateSetting = "--state-dir"

// ServerFiles are the server's in the state folder at dir.
func ServerFiles(dir string) FileSet { return stateFiles(dir, generatedServer) }

// ClientFiles are Envoy's in the state folder at dir. Reading them takes neither the
// folder's lock nor the CA's key.
func ClientFiles(dir string) FileSet { return stateFiles(dir, generatedClient) }

func stateFiles(dir, name string) FileSet {
	ca, cert, key := certgen.Paths(dir, name)
	source := func(path string) Source { return Source{Setting: stateSetting, Path: path} }
	return FileSet{CA: source(ca), Cert: source(cert), Key: source(key)}
}

// round does what is due, and serves what is there then.
func (g *Generated) round() {
	changes, failed := g.keeper.keep()
	next, err := g.read()
	if err == nil && next.material.Fingerprint() != g.current.Load().material.Fingerprint() {
		g.take(next)
	}
	g.note(changes, errors.Join(failed, err))
}

// read makes a generation of the server's files. One that its own bundle does not
// verify is the work of another hand, and is not served.
func (g *Generated) read() (*candidate, error) {
	read, err := g.files.read()
	if err != nil {
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
