package credentials

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
)

// FileConfig says what a [File] reads.
type FileConfig struct {
	Files FileSet
	// Optional. Where warnings and changes on disk are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. How often the files on disk are compared with what was loaded;
	// unset means [files.DefaultPoll].
	Poll time.Duration
}

// File is the provider of phase one: three PEM files, read once. New files need
// a restart of the process. It never swaps its material; it watches the files
// only to say, in the metric contour_credentials_restart_required and in the
// log, that they are no longer those that were loaded.
type File struct {
	cfg      FileConfig
	material *Material
	loaded   digests

	restartRequired prometheus.Gauge

	background
}

// NewFile reads and checks the files as [Load] does, for the server's side, and
// begins to watch them. The caller closes it.
func NewFile(cfg FileConfig) (*File, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// Before the files are read, so that no change is missed in between.
	follower := files.NewFollower(files.FollowConfig{Files: cfg.Files.paths(), Poll: cfg.Poll, Logger: cfg.Logger})
	first, loaded, err := load(cfg.Files, Server, time.Now(), cfg.Logger)
	if err != nil {
		return nil, err
	}
	f := &File{cfg: cfg, material: first.material, loaded: loaded, restartRequired: newRestartRequired()}
	f.start(func(ctx context.Context) { f.follow(ctx, follower) })
	return f, nil
}

// Material returns what was loaded at the start. It never fails.
func (f *File) Material() (*Material, error) { return f.material, nil }

// Describe implements [prometheus.Collector].
func (f *File) Describe(ch chan<- *prometheus.Desc) { f.restartRequired.Describe(ch) }

// Collect implements [prometheus.Collector]: whether a restart is due.
func (f *File) Collect(ch chan<- prometheus.Metric) { f.restartRequired.Collect(ch) }

// follow compares the files with what was loaded whenever they may have changed,
// and speaks when the answer is another than before.
func (f *File) follow(ctx context.Context, follower *files.Follower) {
	var last []string
	_ = follower.Run(ctx, func() {
		changed := f.changed()
		if slices.Equal(changed, last) {
			return
		}
		last = changed
		if len(changed) == 0 {
			f.restartRequired.Set(0)
			f.cfg.Logger.Info("the credential files are those that were loaded again; no restart is due")
			return
		}
		f.restartRequired.Set(1)
		f.cfg.Logger.Warn("credential files changed; a restart is required to use them, until then the loaded ones are served",
			"changed", strings.Join(changed, "; "), "serving", f.material.Fingerprint())
	})
}

// changed names the files that are not what was loaded, and why.
func (f *File) changed() []string {
	var names []string
	for i, source := range f.cfg.Files.sources() {
		read, err := files.Read([]string{source.Path}, MaxFileSize)
		switch {
		case err != nil:
			names = append(names, f.cfg.Files.readError(err).Error())
		case sha256.Sum256(read[0].Data) != f.loaded[i]:
			names = append(names, source.Setting+" "+source.Path)
		}
	}
	return names
}
