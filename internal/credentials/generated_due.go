package credentials

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
)

// keep does what is due, one thing after the other. A process that is killed anywhere in
// it leaves what the next call ends.
func (k *keeper) keep() ([]certgen.Change, error) {
	changes, err := k.due()
	if err != nil {
		err = fmt.Errorf("%s %q: %w", stateSetting, k.cfg.Dir, err)
	}
	return changes, err
}

// due goes on to the next thing when one fails, but for the CA, without which each of
// the others would fail as well.
func (k *keeper) due() ([]certgen.Change, error) {
	if err := k.replaceEnded(); err != nil {
		return nil, err
	}
	var changes []certgen.Change
	var failed error
	add := func(more []certgen.Change, err error) {
		changes, failed = append(changes, more...), errors.Join(failed, err)
	}
	if k.whole() { // nothing can be rolled over before there is something
		add(k.rollOver())
	}
	for _, leaf := range k.leaves() {
		add(k.renew(leaf))
	}
	add(k.folder.RenewLists())
	return changes, failed
}

// leaves are what the folder is to have.
func (k *keeper) leaves() []certgen.Leaf {
	leaf := func(name string, usage certgen.Usage, names certgen.Names) certgen.Leaf {
		return certgen.Leaf{Name: name, Usage: usage, Names: names, Lifetime: k.cfg.Lifetime, EndWithAuthority: true}
	}
	return []certgen.Leaf{
		leaf(generatedServer, certgen.ServerAuth, k.cfg.Server), leaf(generatedClient, certgen.ClientAuth, k.cfg.Client),
	}
}

func (k *keeper) whole() bool {
	return !slices.ContainsFunc(k.leaves(), func(leaf certgen.Leaf) bool {
		_, err := k.folder.Identity(leaf.Name)
		return err != nil
	})
}

// renew issues a leaf that is due. One that is missing or can't be read is due: nothing
// is lost with it, since the CA is there.
func (k *keeper) renew(want certgen.Leaf) ([]certgen.Change, error) {
	identity, err := k.folder.Identity(want.Name)
	if err == nil && !leafDue(identity, want, k.cfg.Now()) {
		k.sawClient(want.Name, false)
		return nil, nil
	}
	anew := !k.folder.Exists(want.Name)
	change, err := k.folder.Issue(want.Name, want, true)
	if err != nil {
		return nil, err
	}
	k.sawClient(want.Name, anew)
	return []certgen.Change{change}, nil
}

// sawClient warns when Envoy's folder was made anew in the place of one that Envoys may
// watch: they hold on to the one that is gone, and nothing that is done here reaches it.
func (k *keeper) sawClient(name string, anew bool) {
	if name != generatedClient {
		return
	}
	if anew && k.hadClient {
		k.cfg.Logger.Warn("the folder of Envoy was gone, and is made anew; Envoys that run watch the folder that is gone, and get no new certificate: restart them",
			"folder", k.folder.Path(name, ""))
	}
	k.hadClient = true
}

// leafDue tells whether a leaf is to be issued anew: in time before its end, and when it
// is not what is wanted. One that is not valid yet is of a clock that was ahead.
func leafDue(have *certgen.Identity, want certgen.Leaf, now time.Time) bool {
	leaf := have.Chain[0]
	names := certgen.Names{DNS: leaf.DNSNames, IPs: leaf.IPAddresses, URIs: leaf.URIs}
	made, end := certgen.Span(leaf)
	return have.Usage() != want.Usage || !slices.Equal(names.List(), want.Names.List()) ||
		now.Before(leaf.NotBefore) || end.Sub(made) > want.Lifetime || !now.Before(renewAt(leaf))
}

// renewAt is when a leaf is renewed: after between a half and five eighths of its life,
// which leaves time for many failures. Where in between is the leaf's own, by its serial
// number, so that servers that were started together do not renew together, and one
// that is restarted keeps to its moment.
func renewAt(leaf *x509.Certificate) time.Time {
	made, end := certgen.Span(leaf)
	sum := sha256.Sum256(leaf.SerialNumber.Bytes())
	jitter := float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32) / 8
	return made.Add(time.Duration(float64(end.Sub(made)) * (0.5 + jitter)))
}

// rollOver takes the next step of a rollover of the CA when its time has come, and ends
// a step that was cut short.
func (k *keeper) rollOver() ([]certgen.Change, error) {
	plan, err := k.folder.Rollover()
	if err != nil {
		return nil, err
	}
	if len(plan.Unfinished) == 0 && k.cfg.Now().Before(k.stepAt(plan)) {
		return nil, nil
	}
	return k.folder.Rotate(plan, certgen.AuthorityConfig{})
}

// stepAt is when the next step of a rollover is due. The first one comes when a third of
// the CA's life is left, or three lifetimes of a leaf, so that no leaf has to end with
// its CA. Each of the others comes a whole lifetime of a leaf after the one before it:
// by then, who has not taken the files of that step has nothing valid anyway. A CA that
// would not live that long is left when half of its rest is over.
func (k *keeper) stepAt(plan *certgen.Rollover) time.Time {
	if plan.Step == certgen.StepBundles {
		made, end := certgen.Span(plan.Old)
		return end.Add(-max(end.Sub(made)/3, 3*k.cfg.Lifetime))
	}
	at := plan.Since.Add(k.cfg.Lifetime)
	if plan.Step == certgen.StepLeaves {
		if soon := plan.Since.Add(plan.Old.NotAfter.Sub(plan.Since) / 2); soon.Before(at) {
			return soon
		}
	}
	return at
}

// clientEnd is when Envoy's certificate ends; zero when it can't be read.
func (k *keeper) clientEnd() time.Time {
	identity, err := k.folder.Identity(generatedClient)
	if err != nil {
		return time.Time{}
	}
	return identity.Chain[0].NotAfter
}
