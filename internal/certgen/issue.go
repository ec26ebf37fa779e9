package certgen

import (
	"errors"
	"fmt"
)

// MakeAuthority makes the folder's CA, or with overwrite another in its place, of
// which nothing that was issued before is worth anything.
func (f *Folder) MakeAuthority(cfg AuthorityConfig, overwrite bool) (Change, error) {
	if f.Exists(authorityDir) && !overwrite {
		return Change{}, fmt.Errorf("making a CA: %q is there already; contour certgen ca rotate replaces it without an interruption", f.Path(authorityDir, caFile))
	}
	cfg.Now = f.now()
	made, err := NewAuthority(cfg)
	if err != nil {
		return Change{}, err
	}
	c := &custody{signing: made}
	if err := f.keep(c); err != nil {
		return Change{}, err
	}
	_, err = f.rollLists(c) // what the CA before it had revoked went with it
	return authorityChange("made", made.cert), err
}

// Issue issues a leaf into the folder of that name, which must not be there yet
// unless overwrite is set.
func (f *Folder) Issue(name string, leaf Leaf, overwrite bool) (Change, error) {
	if err := checkName(name); err != nil {
		return Change{}, err
	}
	if f.Exists(name) && !overwrite {
		return Change{}, fmt.Errorf("issuing %q: %q is there already; contour certgen renew issues it anew as it is, and --overwrite with other names", name, f.Path(name, ""))
	}
	c, err := f.custody()
	if err != nil {
		return Change{}, err
	}
	leaf.Name, leaf.Now = name, f.now()
	return f.issue(c, name, leaf)
}

// RenewConfig says what to renew.
type RenewConfig struct {
	// Optional. Names of identities; none means all.
	Names []string
	// Optional. Set, an identity is passed over until less than a third of its life
	// is left.
	DueOnly bool
}

// Renew issues leaves anew, with the same names, usage, lifetime and kind of key,
// and new keys, and with all of them the revocation lists, which it signs anew for a
// part of them as well when they are due. It goes on to the next identity when one fails, and may be run
// again at any time. The changes that were made are returned with the error.
func (f *Folder) Renew(cfg RenewConfig) ([]Change, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	identities, err := f.Chosen(cfg.Names)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var failed error
	for _, identity := range identities {
		if cfg.DueOnly && !identity.Due(f.now()) {
			continue
		}
		change, err := f.renew(c, identity)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		changes = append(changes, change)
	}
	lists, err := f.renewLists(c, cfg.DueOnly || len(cfg.Names) > 0)
	return append(changes, lists...), errors.Join(failed, err)
}

func (f *Folder) renew(c *custody, identity *Identity) (Change, error) {
	leaf, err := identity.request(f.now())
	if err != nil {
		return Change{}, err
	}
	change, err := f.issue(c, identity.Name, leaf)
	if change.Note == "" && identity.cutShort() {
		change.Note = fmt.Sprintf("the one before ended with its CA; this one has the default lifetime of %s, and contour certgen %s --overwrite --lifetime gives it another",
			FormatLifetime(leaf.Lifetime), identity.side())
	}
	return change, err
}

// Chosen returns the identities of these names, or all.
func (f *Folder) Chosen(names []string) ([]*Identity, error) {
	if len(names) == 0 {
		all, err := f.Identities()
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("reading %q: it has no certificates besides the CA; contour certgen %s makes them", f.dir, f.dir)
		}
		return all, err
	}
	var some []*Identity
	for _, name := range names {
		identity, err := f.Identity(name)
		if err != nil {
			return nil, err
		}
		some = append(some, identity)
	}
	return some, nil
}
