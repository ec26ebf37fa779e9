package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/certgen"
)

// DefaultGeneratedLifetime is how long a certificate of a [Generated] lives. It is
// renewed while 33 days or more are left: a certificate with less than 30 has missed a
// renewal, which alert rules may say, and a machine that was off for a month comes back
// to certificates that are good.
const DefaultGeneratedLifetime = certgen.DefaultLifetime

// The bounds of GeneratedConfig.Lifetime. Below the first, an Envoy would hardly have
// taken one certificate before the next comes, and a gRPC client, which looks every five
// seconds, needs three times as long; with the second, the CA still lives ten
// times as long.
const (
	MinGeneratedLifetime = 5 * time.Second
	MaxGeneratedLifetime = 365 * 24 * time.Hour
)

// GeneratedConfig says what a [Generated] makes.
type GeneratedConfig struct {
	// Dir is the state folder. It is made if only it is missing.
	Dir string
	// Server are the names of the server, Client those of Envoy.
	Server, Client certgen.Names
	// Optional. How long a certificate lives; unset means [DefaultGeneratedLifetime].
	Lifetime time.Duration
	// Optional. Where renewals and their failures are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. How often it is looked whether something is due. Clocks jump and
	// machines sleep, so that one long timer would do. Unset means once a minute, and
	// oftener for lifetimes of less than an hour.
	Poll time.Duration
	// Optional. The clock; unset means the machine's.
	Now func() time.Time
}

// Generated is the provider that makes its credentials itself: a CA in a state folder,
// and certificates of it for this server and for Envoys that read them there. It renews
// both long before they end, and replaces the CA in time, in the three steps of
// [certgen.Folder.Rotate].
//
// The folder is locked for as long as the provider lives, for two that renew would take
// each other's certificates away. Whoever only reads Envoy's files needs no lock.
//
// When something can't be written, what is served goes on being served, and it is tried
// again until it can. It is an [Announcer], and its metrics are a
// [prometheus.Collector].
type Generated struct {
	cfg     GeneratedConfig
	keeper  *keeper
	files   FileSet
	current atomic.Pointer[inForce]
	metrics generatedMetrics
	// failures is how many rounds in a row have failed. The goroutine that renews alone
	// touches it.
	failures int

	background
}

// NewGenerated makes what the folder lacks and what has ended, loads the server's
// files, and begins to renew. It fails where the folder is in use, or has what can't be
// read: a CA is never replaced because of that. The caller closes it.
func NewGenerated(cfg GeneratedConfig) (*Generated, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	k, err := openState(cfg)
	if err != nil {
		return nil, err
	}
	g := &Generated{cfg: cfg, keeper: k, files: ServerFiles(cfg.Dir), metrics: newGeneratedMetrics()}
	if err := g.begin(); err != nil {
		return nil, errors.Join(err, k.folder.Close())
	}
	first := g.pause()
	g.start(func(ctx context.Context) { g.run(ctx, first) })
	return g, nil
}

func (c GeneratedConfig) withDefaults() (GeneratedConfig, error) {
	c.Lifetime = cmp.Or(c.Lifetime, DefaultGeneratedLifetime)
	if c.Lifetime < MinGeneratedLifetime || c.Lifetime > MaxGeneratedLifetime {
		return c, fmt.Errorf("a lifetime of %s can't be kept up; give one from %s to %s", certgen.FormatLifetime(c.Lifetime),
			certgen.FormatLifetime(MinGeneratedLifetime), certgen.FormatLifetime(MaxGeneratedLifetime))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Poll <= 0 {
		c.Poll = max(min(c.Lifetime/60, time.Minute), 100*time.Millisecond)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// begin has something to serve at the end, or fails. Where only a renewal fails, as on a
// full disk, what is there is served.
func (g *Generated) begin() error {
	if err := g.keeper.ensureAuthority(); err != nil {
		return err
	}
	changes, failed := g.keeper.keep()
	next, err := g.read()
	if err != nil {
		return cmp.Or(failed, err)
	}
	g.keeper.running = true
	g.current.Store(&inForce{next, make(chan struct{})})
	next.warn(g.files, Server, g.cfg.Now(), g.cfg.Logger)
	g.note(changes, failed)
	return nil
}

// Material returns the generation in force. It never fails.
func (g *Generated) Material() (*Material, error) { return g.current.Load().material, nil }

// Changed implements [Announcer].
func (g *Generated) Changed() <-chan struct{} { return g.current.Load().superseded }

// Close implements [CredentialProvider]: it ends the renewing, waits for it, and lets
// others have the folder.
func (g *Generated) Close() error {
	return errors.Join(g.background.Close(), g.keeper.folder.Close())
}

// Describe implements [prometheus.Collector].
func (g *Generated) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range g.metrics.collectors() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector]: renewals by result, whether one is
// failing, and the end of Envoy's certificate.
func (g *Generated) Collect(ch chan<- prometheus.Metric) {
	for _, c := range g.metrics.collectors() {
		c.Collect(ch)
	}
}

// run does a round after each pause, until ctx ends.
func (g *Generated) run(ctx context.Context, pause time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		g.round()
		pause = g.pause()
	}
}

// pause is longer after each failure, up to a bound within which a disk that has room
// again is soon found to.
func (g *Generated) pause() time.Duration {
	longest := max(g.cfg.Poll, min(g.cfg.Lifetime/20, 10*time.Minute))
	return min(g.cfg.Poll<<min(g.failures, 10), longest)
}
