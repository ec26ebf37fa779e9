package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/files"
)

// Setting is what an operator knows the file of a [Checker] by.
const Setting = "--contour-crlfile"

// Choice is what is done with a peer of which nobody can say whether it is revoked.
type Choice int

// The choices.
const (
	// Refuse keeps it out. A list that is not renewed in time locks out everybody.
	Refuse Choice = iota
	// Warn lets it in, and says so.
	Warn
)

// choiceNames are the choices as an operator gives them.
var choiceNames = map[Choice]string{Refuse: "refuse", Warn: "warn"}

// String is the choice as [ParseChoice] takes it.
func (c Choice) String() string { return choiceNames[c] }

// ParseChoice returns the choice of that name.
func ParseChoice(name string) (Choice, error) {
	for choice, known := range choiceNames {
		if name == known {
			return choice, nil
		}
	}
	return Refuse, fmt.Errorf("%q is no choice; give %s or %s", name, Refuse, Warn)
}

// Config says what a [Checker] follows.
type Config struct {
	// Path is that of the file of revocation lists.
	Path string
	// Optional. What is done where it is not known whether a peer is revoked; unset
	// means [Refuse].
	Unavailable Choice
	// Optional. The time; unset means the clock's.
	Now func() time.Time
	// Optional. Where new lists, refused ones and unknown peers are logged; unset means
	// nowhere.
	Logger *slog.Logger
	// Optional. As [files.LiveConfig] has them.
	Poll, Settle, Patience time.Duration
}

// Checker holds peers to the revocation lists of a file, and follows it. Lists that
// can't be used, or are older than those in force, leave the last good ones in force. It is safe for concurrent use, and a
// [prometheus.Collector] of its metrics.
type Checker struct {
	cfg     Config
	live    *files.Live[*Lists]
	noted   noted
	metrics checkerMetrics
}

// New reads the file, and fails when it can't be used. The caller closes the Checker.
func New(cfg Config) (*Checker, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	live, err := files.NewLive(files.LiveConfig[*Lists]{
		Setting: Setting, Path: cfg.Path, What: "file of revocation lists", Name: "crl", Parse: Parse, Accept: cfg.accept,
		Logger: cfg.Logger, Poll: cfg.Poll, Settle: cfg.Settle, Patience: cfg.Patience,
	})
	if err != nil {
		return nil, err
	}
	c := &Checker{cfg: cfg, live: live, metrics: newCheckerMetrics()}
	if end := live.Current().NextUpdate(); cfg.Now().After(end) {
		cfg.Logger.Warn("a revocation list has ended; give the CA's current one", "file", cfg.Path,
			"next_update", end.UTC().Format(time.RFC3339), "unavailable", cfg.Unavailable.String())
	}
	return c, nil
}

// Check is [Lists.Check] by the lists in force and the time. With [Warn], an
// [*Unknown] is logged and counted, and no error. It reads no file and waits for nothing
// but the first verification of a new list's signature.
func (c *Checker) Check(chains [][]*x509.Certificate) error {
	lists, now := c.live.Current(), c.cfg.Now()
	err := lists.Check(chains, now)
	var unknown *Unknown
	if !errors.As(err, &unknown) {
		return err
	}
	c.metrics.unknown[unknown.Why].Inc()
	if c.cfg.Unavailable != Warn {
		return err
	}
	if c.noted.first(lists, *unknown, now) {
		c.cfg.Logger.Warn("peers are let in of which nobody can say whether they are revoked",
			"issuer", unknown.Issuer, "why", unknown.Why.String(), "error", unknown)
	}
	return nil
}

// Changed returns a channel that is closed when other lists than now are in force, as
// [files.Live] has it. That a list ends is no change.
func (c *Checker) Changed() <-chan struct{} { return c.live.Changed() }

// NextUpdate is [Lists.NextUpdate] of the lists in force.
func (c *Checker) NextUpdate() time.Time { return c.live.Current().NextUpdate() }

// Close ends the following. The last lists stay in force.
func (c *Checker) Close() error { return c.live.Close() }

// Describe implements [prometheus.Collector].
func (c *Checker) Describe(ch chan<- *prometheus.Desc) {
	c.live.Describe(ch)
	c.metrics.total.Describe(ch)
	ch <- nextUpdateDesc
}

// Collect implements [prometheus.Collector].
func (c *Checker) Collect(ch chan<- prometheus.Metric) {
	c.live.Collect(ch)
	c.metrics.total.Collect(ch)
	ch <- prometheus.MustNewConstMetric(nextUpdateDesc, prometheus.GaugeValue, float64(c.NextUpdate().Unix()))
}
