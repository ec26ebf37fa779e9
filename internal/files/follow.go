package files

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"
)

// Defaults of [FollowConfig].
const (
	DefaultPoll   = time.Second
	DefaultSettle = 100 * time.Millisecond
)

// settleLimit is how many settle times a set that never comes to rest is waited
// for. Then it is read as it is: the reader checks it whole anyway.
const settleLimit = 10

// FollowConfig says what a [Follower] follows.
type FollowConfig struct {
	// Files are followed by path: a file that is missing now and comes later, or
	// the other way round, is a change.
	Files []string
	// Trees are followed with their visible entries. A sub-folder that belongs to one
	// is followed from when it comes, and anew when another takes its place.
	Trees []Tree
	// Optional. How often the set is looked at, watched or not; unset means
	// [DefaultPoll].
	Poll time.Duration
	// Optional. Whether each poll is announced, changed or not: for a caller that
	// compares content itself, and so finds what no signature shows, and for which what
	// failed for a reason outside of the set does not fail for ever.
	EachPoll bool
	// Optional. How long the set must be at rest before a change is announced, so
	// that a writer in the midst of several files is let finish; unset means
	// [DefaultSettle].
	Settle time.Duration
	// Optional. Where a failing watch is noted; unset means nowhere.
	Logger *slog.Logger
}

// A Follower announces changes to a set of files. File system notifications make
// it quick; polling makes it certain, where a watch is lost (a folder made anew),
// sees nothing (a target of symbolic links elsewhere, a network file system) or
// can't be had (the limit of watches).
type Follower struct {
	cfg  FollowConfig
	last signature
	// folders are those that were there when the set was last looked at.
	folders []folder
}

// NewFollower looks at the set once, so that a change between this call and
// [Follower.Run] is announced: make the Follower first, then read, then run.
func NewFollower(cfg FollowConfig) *Follower {
	if cfg.Poll <= 0 {
		cfg.Poll = DefaultPoll
	}
	if cfg.Settle <= 0 {
		cfg.Settle = DefaultSettle
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Follower{cfg: cfg}
	f.last = f.sign()
	return f
}

// Run calls changed after each change until ctx ends, then returns nil. Calls
// never overlap, and a change during a call leads to another call. What changed
// is for the caller to find out: a call does not promise other content.
func (f *Follower) Run(ctx context.Context, changed func()) error {
	w := f.watch()
	defer w.close()
	tick := time.NewTicker(f.cfg.Poll)
	defer tick.Stop()
	for {
		if now := f.sign(); now != f.last {
			settled, ok := f.settle(ctx, now)
			if !ok {
				return nil
			}
			f.last = settled
			w.renew(f.folders) // before the next look, which sees what came before the watch
			changed()
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.renew(f.folders)
			if f.cfg.EachPoll && f.sign() == f.last {
				changed()
			}
		case <-w.events():
		}
	}
}

// settle waits until the set has been at rest for the settle time, bounded, and
// returns its signature then; false when ctx ended.
func (f *Follower) settle(ctx context.Context, now signature) (signature, bool) {
	for range settleLimit {
		select {
		case <-ctx.Done():
			return "", false
		case <-time.After(f.cfg.Settle):
		}
		next := f.sign()
		if next == now {
			break
		}
		now = next
	}
	return now, true
}

// sign looks at the set, and notes the folders whose entries matter. A watch on a
// file itself would die with the rename that replaces it.
func (f *Follower) sign() signature {
	f.folders = f.folders[:0]
	sum := signFiles(f.cfg.Files)
	for _, file := range f.cfg.Files {
		f.folders = append(f.folders, folderAt(filepath.Dir(file)))
	}
	for _, tree := range f.cfg.Trees {
		w := tree.walk()
		sum += w.sum()
		f.folders = append(f.folders, w.folders...)
	}
	return sum
}
