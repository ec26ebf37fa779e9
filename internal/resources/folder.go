package resources

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// Folder is a folder of resources that is followed. Its snapshots may be taken at
// any time by anyone; [Folder.Run] is called once.
type Folder struct {
	cfg      Config
	metrics  *metrics
	follower *files.Follower
	current  atomic.Pointer[Snapshots]
	// Only Run's goroutine uses what follows.
	reader *reader
	// refusal is the error of the last change, "" when it was good.
	refusal string
	// warned are the warnings of the last state that was good, which are logged once.
	warned map[Finding]bool
}

// Open reads the folder and fails as [Read] does, or when the metrics can't be
// registered. It starts nothing, so that there is nothing to close.
func Open(cfg Config) (*Folder, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// The follower looks first: what changes during the reading is then seen.
	follower := files.NewFollower(files.FollowConfig{Trees: []files.Tree{cfg.tree()}, Logger: cfg.Logger})
	reader := newReader(cfg)
	snapshots, err := reader.read(time.Now())
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of resources: %w", err)
	}
	f := &Folder{cfg: cfg, metrics: m, follower: follower, reader: reader}
	f.accept(snapshots)
	return f, nil
}

// Snapshots returns the state in force: the last one that was good.
func (f *Folder) Snapshots() *Snapshots { return f.current.Load() }

// Run follows the folder until ctx ends, then returns nil. It calls publish with
// each new state in which some Envoys get something else than before, once that is in
// force, and never twice at a time. A change that can't be served is logged and
// counted, and what was in force stays so, also when the whole folder is gone.
func (f *Folder) Run(ctx context.Context, publish func(*Snapshots)) error {
	return f.follower.Run(ctx, func() { f.reload(publish) })
}

func (f *Folder) reload(publish func(*Snapshots)) {
	snapshots, err := f.reader.read(time.Now())
	if err != nil {
		f.refuse(err)
		return
	}
	changed := snapshots.changed(f.current.Load())
	f.metrics.reloads.WithLabelValues(resultSuccess).Inc()
	f.accept(snapshots)
	recovered := f.refusal != ""
	f.refusal = ""
	if len(changed) == 0 {
		if recovered {
			f.cfg.Logger.Info("resources are good again, and as they were", "dir", f.cfg.Dir)
		}
		return
	}
	f.cfg.Logger.Info("serving changed resources", slog.String("dir", f.cfg.Dir), f.counts(snapshots),
		slog.Int("groups", len(snapshots.groups)), changedGroups(changed))
	publish(snapshots)
}

// accept puts a state in force, and says what is unwise about it.
func (f *Folder) accept(snapshots *Snapshots) {
	f.current.Store(snapshots)
	f.metrics.inForce(snapshots)
	warned := make(map[Finding]bool, len(snapshots.warnings))
	for _, w := range snapshots.warnings {
		if !f.warned[w] {
			f.cfg.Logger.Warn("serving what may not be what is meant", "finding", w.String())
		}
		warned[w] = true
	}
	f.warned = warned
}

// refuse keeps what is in force. The same error is logged once, however often the
// files are touched.
func (f *Folder) refuse(err error) {
	f.metrics.refused()
	if err.Error() == f.refusal {
		return
	}
	f.refusal = err.Error()
	f.cfg.Logger.Error("refusing changed resources and serving on what was good", "dir", f.cfg.Dir, "error", err)
}

// counts returns how many resources there are of each type.
func (f *Folder) counts(s *Snapshots) slog.Attr {
	counts := make([]any, 0, len(served))
	for _, k := range served {
		counts = append(counts, slog.Int(k.Label, s.Count(k.URL)))
	}
	return slog.Group("resources", counts...)
}

// maxLoggedGroups bounds the names of groups in a log line.
const maxLoggedGroups = 10

// changedGroups tells what a change concerns. One of the top concerns everyone.
func changedGroups(names []string) slog.Attr {
	const key = "changed_for"
	if slices.Contains(names, "") {
		return slog.String(key, "all")
	}
	quoted := make([]string, 0, len(names))
	for _, name := range names[:min(len(names), maxLoggedGroups)] {
		quoted = append(quoted, quoteName(name))
	}
	if rest := len(names) - maxLoggedGroups; rest > 0 {
		quoted = append(quoted, fmt.Sprintf("and %d more", rest))
	}
	return slog.String(key, strings.Join(quoted, ", "))
}
