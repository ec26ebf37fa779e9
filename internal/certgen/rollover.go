package certgen

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"time"
)

// The steps of a rollover, each of which ends everywhere before the next begins.
const (
	// StepBundles makes the new CA and puts it into every bundle, beside the old one.
	StepBundles = 1
	// StepLeaves issues every leaf anew from the new CA.
	StepLeaves = 2
	// StepRetire takes the old CA out of every bundle.
	StepRetire = 3
)

// Rollover is what the next call of [Folder.Rotate] would do.
type Rollover struct {
	// Step is the number of the step.
	Step int
	// Unfinished names the identities that this step has yet to change, and [ListName],
	// after it was begun and did not end. While there are any, no further step is made.
	Unfinished []string
	// Since is when the step before was made. Zero for the first step, unless that is
	// made anew, since its CA has ended or will soon.
	Since time.Time
	// Old and New are the two CAs; New is nil before the first step, and Old where
	// the third is unfinished.
	Old, New *x509.Certificate
	// Servers are the leaves of the folder's servers.
	Servers []*x509.Certificate
}

// Rollover looks at where the folder is, and changes nothing.
func (f *Folder) Rollover() (*Rollover, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	identities, err := f.Chosen(nil)
	if err != nil {
		return nil, err
	}
	r := &Rollover{Step: c.step(f.now()), Since: c.since, Old: c.signing.cert}
	switch r.Step {
	case StepLeaves:
		r.New = c.next.cert
	case StepRetire:
		r.Old, r.New = c.old, c.signing.cert
	}
	for _, identity := range identities {
		if identity.Usage() == ServerAuth {
			r.Servers = append(r.Servers, identity.Chain[0])
		}
		if !c.fits(identity) {
			r.Unfinished = append(r.Unfinished, identity.Name)
		}
	}
	if fit, err := f.listsFit(c); err != nil {
		return nil, err
	} else if !fit {
		r.Unfinished = append(r.Unfinished, ListName)
	}
	if len(r.Unfinished) > 0 {
		r.unfinish(c)
	}
	return r, nil
}

// unfinish makes it the plan to end the step that was begun.
func (r *Rollover) unfinish(c *custody) {
	r.Step = c.done()
	if r.Step == 0 { // the last one ends a rollover
		r.Step, r.Old, r.New = StepRetire, nil, c.signing.cert
	}
}

// fits tells whether an identity is as the CA's folder says that it should be.
func (c *custody) fits(i *Identity) bool {
	return sameBundle(i.Roots, c.roots()) && c.signing.issued(i.Chain[0])
}

// Rotate makes the step of the plan that [Folder.Rollover] returned. What must have
// happened before is the caller's to know. The order within a step is such that a
// process that is killed leaves what Rollover knows as unfinished, and Rotate ends.
func (f *Folder) Rotate(plan *Rollover, cfg AuthorityConfig) ([]Change, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	var changes []Change
	if len(plan.Unfinished) == 0 {
		change, err := f.advance(c, plan.Step, cfg)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	} else if c.done() > 0 {
		c.since = f.now() // what waits for this step waits from its end
		if err := f.keep(c); err != nil {
			return nil, err
		}
	}
	// Before any identity: a leaf is of no use where a list of its CA is demanded and
	// missing.
	lists, err := f.rollLists(c)
	changes = append(changes, lists...)
	if err != nil {
		return changes, err
	}
	more, err := f.converge(c)
	return append(changes, more...), err
}

// advance changes the CA's folder, which is what begins a step. It fails before it
// changes anything where the step could not be ended.
func (f *Folder) advance(c *custody, step int, cfg AuthorityConfig) (Change, error) {
	if next := c.step(f.now()); step != next {
		return Change{}, fmt.Errorf("step %d was due, and step %d is now; run contour certgen ca rotate again", step, next)
	}
	var change Change
	switch step {
	case StepBundles:
		var err error
		if change, err = f.prepare(c, cfg); err != nil {
			return change, err
		}
	case StepLeaves:
		if err := f.renewable(c.next); err != nil {
			return change, err
		}
		done := "the new one signs from now on, and the old one's key is gone"
		if f.hasLists() {
			done, c.oldKey = "the new one signs from now on, and the old one its revocation list alone, until the next step", c.signing
		}
		c.old, c.signing, c.next, c.since = c.signing.cert, c.next, nil, f.now()
		change = authorityChange(done, c.signing.cert)
	default:
		c.old, c.oldKey, c.since = nil, nil, time.Time{}
		change = authorityChange("the old one is gone", c.signing.cert)
	}
	return change, f.keep(c)
}

// prepare makes the new CA, also in place of one that is of no more use.
func (f *Folder) prepare(c *custody, cfg AuthorityConfig) (Change, error) {
	if err := f.outlived(cmp.Or(cfg.Lifetime, DefaultAuthorityLifetime)); err != nil {
		return Change{}, err
	}
	cfg.Now = f.now()
	next, err := NewAuthority(cfg)
	if err != nil {
		return Change{}, err
	}
	change := authorityChange("made, beside the old one", next.cert)
	if c.next != nil {
		change.Note = fmt.Sprintf("it replaces the new CA of before, which ends at %s and never signed", stamp(c.next.cert.NotAfter))
	}
	c.next, c.since = next, f.now()
	return change, nil
}

// outlived fails for a lifetime of a CA that is shorter than that of an identity.
func (f *Folder) outlived(lifetime time.Duration) error {
	identities, err := f.Chosen(nil)
	if err != nil {
		return err
	}
	for _, identity := range identities {
		leaf := lifetimeOf(identity.Chain[0].NotBefore, identity.Chain[0].NotAfter)
		if leaf > lifetime {
			return fmt.Errorf("--ca-lifetime %s is shorter than the lifetime %s of %q; give the CA a longer one",
				FormatLifetime(lifetime), FormatLifetime(leaf), identity.Cert)
		}
	}
	return nil
}

// rollLists gives each CA of the bundle its list, and drops that of a CA that is gone.
func (f *Folder) rollLists(c *custody) ([]Change, error) {
	fit, err := f.listsFit(c)
	if err != nil || fit {
		return nil, err
	}
	changes, err := f.renewLists(c, false)
	note := "bring it to each contour before the folders, or with them"
	if c.done() == 0 { // a contour that still trusts the old CA would miss its list
		note = "bring it to each contour after the folders, or with them"
	}
	for i := range changes {
		changes[i].Note = cmp.Or(changes[i].Note, note)
	}
	return changes, err
}

// renewable fails for a CA that can't sign now, and for an identity that can't be issued
// anew as it is, before a step that would have to.
func (f *Folder) renewable(by *Authority) error {
	if _, _, err := by.validity(Leaf{Lifetime: time.Second, Now: f.now(), EndWithAuthority: true}); err != nil {
		return fmt.Errorf("issuing by the new CA: %w", err)
	}
	identities, err := f.Chosen(nil)
	if err != nil {
		return err
	}
	for _, identity := range identities {
		if _, err := identity.request(f.now()); err != nil {
			return err
		}
	}
	return nil
}

// converge makes every identity what the CA's folder says, and touches none that is.
func (f *Folder) converge(c *custody) ([]Change, error) {
	identities, err := f.Chosen(nil)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, identity := range identities {
		if c.fits(identity) {
			continue
		}
		change, err := f.converged(c, identity)
		if err != nil {
			return changes, fmt.Errorf("changing %q: %w; run contour certgen ca rotate again, which goes on there", identity.Name, err)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (f *Folder) converged(c *custody, identity *Identity) (Change, error) {
	if c.signing.issued(identity.Chain[0]) {
		return f.rebundle(c, identity)
	}
	return f.renew(c, identity)
}
