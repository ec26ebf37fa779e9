package resources

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/contour-xds/contour/internal/files"
)

// Folder is a folder of resources that is followed. Its snapshot may be taken at
// any time by anyone; [Folder.Run] is called once.
type Folder struct {
	cfg      Config
	metrics  *metrics
	follower *files.Follower
	current  atomic.Pointer[Snapshot]
	// refusal is the error of the last change, "" when it was good. Only Run's
	// goroutine uses it.
	refusal string
}

// Open reads the folder and fails as [Read] does, or when the metrics can't be
// registered. It starts nothing, so that there is nothing to close.
func Open(cfg Config) (*Folder, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// The follower looks first: what changes during the reading is then seen.
	follower := files.NewFollower(files.FollowConfig{Dirs: []string{cfg.Dir}, Logger: cfg.Logger})
	snapshot, err := Read(cfg)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of resources: %w", err)
	}
	f := &Folder{cfg: cfg, metrics: m, follower: follower}
	f.current.Store(snapshot)
	m.inForce(snapshot)
	return f, nil
}

// Snapshot returns the snapshot in force: the last one that was good.
func (f *Folder) Snapshot() *Snapshot { return f.current.Load() }

// Run follows the folder until ctx ends, then returns nil. It calls publish with
// each new snapshot whose content differs from the one before, once that is in
// force, and never twice at a time. A change that can't be served is logged and
// counted, and what was in force stays so, also when the whole folder is gone.
func (f *Folder) Run(ctx context.Context, publish func(*Snapshot)) error {
	return f.follower.Run(ctx, func() { f.reload(publish) })
}

func (f *Folder) reload(publish func(*Snapshot)) {
	snapshot, err := Read(f.cfg)
	if err != nil {
		f.refuse(err)
		return
	}
	f.metrics.reloads.WithLabelValues(resultSuccess).Inc()
	f.metrics.inForce(snapshot)
	recovered := f.refusal != ""
	f.refusal = ""
	if snapshot.sameAs(f.current.Load()) {
		if recovered {
			f.cfg.Logger.Info("resources are good again, and as they were", "dir", f.cfg.Dir)
		}
		return
	}
	f.current.Store(snapshot)
	f.cfg.Logger.Info("serving changed resources", slog.String("dir", f.cfg.Dir), f.counts(snapshot))
	publish(snapshot)
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
func (f *Folder) counts(s *Snapshot) slog.Attr {
	counts := make([]any, 0, len(served))
	for _, k := range served {
		counts = append(counts, slog.Int(k.Label, len(s.Resources(k.URL))))
	}
	return slog.Group("resources", counts...)
}
