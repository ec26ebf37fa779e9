package credentials

import (
	"errors"
	"fmt"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/files"
)

// keeper does what is due in a state folder, and holds its lock. It serves nothing. Its
// methods are for one goroutine.
type keeper struct {
	cfg    GeneratedConfig
	folder *certgen.Folder
	// steady is a clock that nobody sets, by its monotonic reading.
	steady func() time.Time
	// running is set once the start is over, endedAt while the CA seems to have ended
	// since, by steady.
	running bool
	endedAt time.Time
	// hadClient is set once this process has seen Envoy's folder.
	hadClient bool
}

// beliefTime is how long the CA has to seem ended, in a server that runs, before it is
// replaced. A clock that jumps ahead for a moment must not cost it: with the new CA,
// which begins at the wrong time, nobody could be served once the clock is right again.
const beliefTime = 10 * time.Minute

// openState takes hold of the state folder, and looks then whose it is: one that was not
// there may have been made by another a moment ago.
func openState(cfg GeneratedConfig) (*keeper, error) {
	folder, err := certgen.MakeFolder(cfg.Dir, cfg.Now)
	switch {
	case errors.Is(err, files.ErrLocked):
		return nil, fmt.Errorf("%s %q is in use by another process, most likely another contour serve; stop that one, or give each a %s of its own",
			stateSetting, cfg.Dir, stateSetting)
	case err != nil:
		return nil, fmt.Errorf("%s %q: %w", stateSetting, cfg.Dir, err)
	}
	if err := CheckState(cfg.Dir); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return &keeper{cfg: cfg, folder: folder, steady: time.Now}, nil
}

// hold is an error while the folder that is locked is not the one at its path.
func (k *keeper) hold() error {
	if err := k.folder.Hold(); err != nil {
		return fmt.Errorf("%s %q: %w", stateSetting, k.cfg.Dir, err)
	}
	return nil
}

// ensureAuthority has a CA in the folder that can be worked with. It makes one in a
// folder that has none. One that is there and can't be read is left alone, for with
// another one its Envoys would be locked out.
func (k *keeper) ensureAuthority() error {
	if !k.folder.HasAuthority() {
		if k.folder.Exists(generatedServer) || k.folder.Exists(generatedClient) {
			return fmt.Errorf("%s %q has certificates and no CA; bring its folder %q back, or give a folder that is empty: with a new CA, Envoys need new credentials",
				stateSetting, k.cfg.Dir, certgen.AuthorityName)
		}
		if err := k.makeAuthority(); err != nil {
			return fmt.Errorf("%s %q: %w", stateSetting, k.cfg.Dir, err)
		}
		return nil
	}
	ca, err := k.folder.Signing()
	if err != nil {
		return fmt.Errorf("%s %q: %w; mend it, or move the whole folder away: a new CA is made then, and Envoys need new credentials",
			stateSetting, k.cfg.Dir, err)
	}
	if now := k.cfg.Now(); now.Before(ca.NotBefore) {
		return fmt.Errorf("%s %q: its CA is not valid before %s, and it is %s; check this machine's clock, and move the folder away only if the clock is right",
			stateSetting, k.cfg.Dir, stamp(ca.NotBefore), stamp(now))
	}
	return nil
}

// replaceEnded makes a CA in place of one that has ended, by which nobody can be served:
// that of a machine that was off for years, or whose clock was as far behind when it was
// made. At a start this is done at once, and later when it has been so for a while.
func (k *keeper) replaceEnded() error {
	ca, err := k.folder.Signing()
	if err != nil {
		return err
	}
	if !k.cfg.Now().After(ca.NotAfter) || k.successor() {
		k.endedAt = time.Time{}
		return nil
	}
	if !k.believed() {
		return fmt.Errorf("its CA has ended at %s, or this machine's clock is ahead; check the clock: the CA is replaced when this has been so for %s",
			stamp(ca.NotAfter), beliefTime)
	}
	k.cfg.Logger.Warn("the CA of the state folder has ended, and is replaced at once", "state", k.cfg.Dir, "not_after", stamp(ca.NotAfter))
	return k.makeAuthority()
}

// believed tells whether the CA has seemed ended for long enough.
func (k *keeper) believed() bool {
	if !k.running {
		return true
	}
	now := k.steady()
	if k.endedAt.IsZero() {
		k.endedAt = now
	}
	return now.Sub(k.endedAt) >= beliefTime
}

// successor tells whether the next step of a rollover brings a CA that is valid.
func (k *keeper) successor() bool {
	plan, err := k.folder.Rollover()
	return err == nil && plan.Step == certgen.StepLeaves && k.cfg.Now().Before(plan.New.NotAfter)
}

func (k *keeper) makeAuthority() error {
	change, err := k.folder.MakeAuthority(certgen.AuthorityConfig{}, true)
	if err == nil {
		k.logChange(change)
	}
	return err
}

// logChange says what is new on disk.
func (k *keeper) logChange(change certgen.Change) {
	k.cfg.Logger.Info("the state folder has something new", "name", change.Name, "done", change.Done, "not_after", stamp(change.End))
}
