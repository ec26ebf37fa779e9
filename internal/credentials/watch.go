package credentials

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
)

// WatchConfig says what a [Watch] follows.
type WatchConfig struct {
	Files FileSet
	// Optional. Where new generations, refusals and warnings are logged; unset means
	// nowhere.
	Logger *slog.Logger
	// Optional. How often the files on disk are read and compared with what is served,
	// beside each time that their folders change; unset means [files.DefaultPoll].
	Poll time.Duration
	// Optional. How long the files must be at rest before they are read after a change;
	// unset means [files.DefaultSettle].
	Settle time.Duration
	// Optional. How long files that can't be used are waited for in silence; unset means
	// [files.DefaultPatience].
	Patience time.Duration
}

// Watch is the provider that follows the files which [File] reads once. A new
// generation is in force from the next handshake on, when all three files have been
// read at one moment and checked as a whole. What can't be used leaves the last good
// generation in force, for as long as it takes, and is tried again by itself at each
// poll.
//
// Files that can't be used are nobody's mistake at first, since few writers replace
// three files at once. Only after WatchConfig.Patience are they counted and logged,
// once for each content.
//
// It is an [Announcer], and its metrics are a [prometheus.Collector].
type Watch struct {
	cfg     WatchConfig
	current atomic.Pointer[inForce]
	metrics watchMetrics
	// The goroutine that follows alone touches these: the content of the generation in
	// force, and what it has seen of the files that can't be used.
	loaded digests
	grace  files.Grace[sight]

	background
}

// inForce is the generation that is served, and the channel that is closed when it is
// no longer: one value, so that nobody sees the one without the other.
type inForce struct {
	*candidate
	superseded chan struct{}
}

// NewWatch reads and checks the files as [Load] does, for the server's side, and
// begins to follow them. The caller closes it.
func NewWatch(cfg WatchConfig) (*Watch, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// Before the files are read, so that no change is missed in between.
	follower := files.NewFollower(files.FollowConfig{
		Files: cfg.Files.paths(), Poll: cfg.Poll, EachPoll: true, Settle: cfg.Settle, Logger: cfg.Logger,
	})
	first, loaded, err := load(cfg.Files, Server, time.Now(), cfg.Logger)
	if err != nil {
		return nil, err
	}
	w := &Watch{cfg: cfg, loaded: loaded, grace: files.Grace[sight]{Patience: cfg.Patience}, metrics: newWatchMetrics()}
	w.current.Store(&inForce{first, make(chan struct{})})
	w.start(func(ctx context.Context) {
		_ = follower.Run(ctx, func() { w.look(time.Now()) })
	})
	return w, nil
}

// Material returns the generation in force. It never fails.
func (w *Watch) Material() (*Material, error) { return w.current.Load().material, nil }

// Changed implements [Announcer].
func (w *Watch) Changed() <-chan struct{} { return w.current.Load().superseded }

// Describe implements [prometheus.Collector].
func (w *Watch) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range w.metrics.collectors() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector]: reloads by result, and whether the files
// on disk wait to be served.
func (w *Watch) Collect(ch chan<- prometheus.Metric) {
	for _, c := range w.metrics.collectors() {
		c.Collect(ch)
	}
}

// swap puts a generation in force. Whoever is woken by it finds it there.
func (w *Watch) swap(next *candidate) {
	before := w.current.Swap(&inForce{next, make(chan struct{})})
	close(before.superseded)
}
