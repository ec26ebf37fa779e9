package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxLiveBytes is the most that a file which [Live] follows may hold: a revocation list
// of some 400,000 certificates.
const MaxLiveBytes = 16 << 20

// LiveConfig says what a [Live] follows, and what it makes of it.
type LiveConfig[T any] struct {
	// Setting is what the operator knows the file by, such as "--access-policy". Errors
	// name it beside Path.
	Setting, Path string
	// What is the file's content in words, such as "access policy", for log lines, errors
	// and the help of metrics.
	What string
	// Parse makes the value of the whole content, which it may keep. It depends on nothing
	// else, since it is called once for each content. Its error says what is wrong and what
	// to do; it names neither setting nor file, and holds nothing that may be secret.
	Parse func([]byte) (T, error)
	// Optional. Accept fails for a value that must not follow the one in force, which is
	// then refused as one that does not parse; unset means that any may follow. It is
	// called once for each content as long as before is in force, and without an error
	// next is put in force. The same is true of its error as of that of Parse.
	Accept func(next, before T) error
	// Name is the file's part of the names of metrics, such as "access_policy".
	Name string
	// Optional. Where new values and refusals are logged; unset means nowhere.
	Logger *slog.Logger
	// Optional. How often the file is read and compared with what is in force, beside each
	// time that its folder changes; unset means [DefaultPoll].
	Poll time.Duration
	// Optional. How long the file must be at rest before it is read after a change; unset
	// means [DefaultSettle].
	Settle time.Duration
	// Optional. How long a file that can't be used is waited for in silence; unset means
	// [DefaultPatience].
	Patience time.Duration
}

// Live is what one file holds, followed: a new content is in force as soon as it was
// read and parsed whole. What can't be used leaves the last good value in force, for as
// long as it takes, and is tried again by itself at each poll. Like the credential
// files, it is counted and logged after LiveConfig.Patience, once for each content.
//
// All methods may be called concurrently. Its metrics are a [prometheus.Collector].
type Live[T any] struct {
	cfg     LiveConfig[T]
	current atomic.Pointer[living[T]]
	metrics liveMetrics
	// stop ends the goroutine that follows and waits for it.
	stop func()

	// The goroutine that follows alone touches these.
	grace Grace[liveSight]
	// bad is the last content that could not be parsed or was not accepted after what is
	// in force, and why: it is not parsed anew at each poll.
	bad      digest
	badError error
}

// living is the value in force, and the channel that is closed when it is no longer: one
// value, so that nobody sees the one without the other.
type living[T any] struct {
	value      T
	content    digest
	superseded chan struct{}
}

type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// liveSight tells states of the file apart: by its content, or by why it can't be had.
type liveSight struct {
	content digest
	failure string
}

// NewLive reads and parses the file, and begins to follow it. An error names setting and
// file, and what to do. The caller closes what it is given.
func NewLive[T any](cfg LiveConfig[T]) (*Live[T], error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// Before the file is read, so that no change is missed in between.
	follower := NewFollower(FollowConfig{
		Files: []string{cfg.Path}, Poll: cfg.Poll, EachPoll: true, Settle: cfg.Settle, Logger: cfg.Logger,
	})
	l := &Live[T]{cfg: cfg, metrics: newLiveMetrics(cfg.Name, cfg.What), grace: Grace[liveSight]{Patience: cfg.Patience}}
	data, err := l.read()
	if err != nil {
		return nil, err
	}
	value, err := cfg.Parse(data)
	if err != nil {
		return nil, l.wrap(err)
	}
	l.current.Store(&living[T]{value, sha256.Sum256(data), make(chan struct{})})
	l.start(follower)
	return l, nil
}

// start begins to follow, until stop is called.
func (l *Live[T]) start(follower *Follower) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = follower.Run(ctx, func() { l.look(time.Now()) }) })
	l.stop = func() {
		cancel()
		done.Wait()
	}
}

// Current returns the value in force, without waiting for anything. It is shared: the
// caller does not change it.
func (l *Live[T]) Current() T { return l.current.Load().value }

// Changed returns a channel that is closed as soon as a newer value than that which
// Current returns at the time of the call is in force. It never blocks, nothing is ever
// sent, and a channel that is waited for when the Live is closed stays open. Ask for the
// channel before the value, and none is missed:
//
//	for {
//		changed := l.Changed()
//		act(l.Current())
//		<-changed
//	}
func (l *Live[T]) Changed() <-chan struct{} { return l.current.Load().superseded }

// Close ends the following and waits for it. The last value stays in force. It may be
// called again, and always returns nil.
func (l *Live[T]) Close() error {
	l.stop()
	return nil
}

// Describe implements [prometheus.Collector].
func (l *Live[T]) Describe(ch chan<- *prometheus.Desc) { l.metrics.describe(ch) }

// Collect implements [prometheus.Collector]: reloads by result, and whether what is on
// disk is not what is in force.
func (l *Live[T]) Collect(ch chan<- prometheus.Metric) { l.metrics.collect(ch) }

// look compares the file with what is in force, and takes it over, or notes that it
// can't be used.
func (l *Live[T]) look(now time.Time) {
	data, err := l.read()
	if err != nil {
		l.wait(liveSight{failure: err.Error()}, err, now)
		return
	}
	sum := digest(sha256.Sum256(data))
	if sum == l.current.Load().content {
		l.rest()
		return
	}
	if sum == l.bad {
		l.wait(liveSight{content: sum}, l.badError, now)
		return
	}
	value, err := l.cfg.Parse(data)
	if err == nil && l.cfg.Accept != nil {
		err = l.cfg.Accept(value, l.Current())
	}
	if err != nil {
		l.bad, l.badError = sum, err
		l.wait(liveSight{content: sum}, err, now)
		return
	}
	l.take(&living[T]{value, sum, make(chan struct{})})
}

// take puts the next value in force, and says so. Whoever is woken by it finds it there.
func (l *Live[T]) take(next *living[T]) {
	before := l.current.Swap(next)
	close(before.superseded)
	l.bad, l.badError = digest{}, nil // what could not follow the value of before may follow this one
	l.grace.Rest()
	l.metrics.succeeded.Inc()
	l.metrics.pending.Set(0)
	l.cfg.Logger.Info("a changed file is in force", "what", l.cfg.What, "file", l.cfg.Path, "sha256", next.content)
}

// rest notes that what is on disk is what is in force.
func (l *Live[T]) rest() {
	if l.grace.Rest() {
		l.cfg.Logger.Info("the file on disk is what is in force again", "what", l.cfg.What, "file", l.cfg.Path)
	}
	l.metrics.pending.Set(0)
}

// wait notes that the file can't be used, and refuses it when it has not become usable
// for too long.
func (l *Live[T]) wait(seen liveSight, err error, now time.Time) {
	l.metrics.pending.Set(1)
	if !l.grace.Refuse(seen, now) {
		return
	}
	l.metrics.failed.Inc()
	if seen.failure == "" {
		err = l.wrap(err)
	}
	l.cfg.Logger.Warn("the file on disk can't be used; what was loaded before stays in force, and it is tried again by itself",
		"what", l.cfg.What, "error", err, "in_force_sha256", l.current.Load().content)
}

// read returns the content. Its error is in an operator's words. An empty file is refused,
// whatever Parse would make of it: it is what one is while it is rewritten in place.
func (l *Live[T]) read() ([]byte, error) {
	read, err := Read([]string{l.cfg.Path}, MaxLiveBytes)
	if err != nil {
		return nil, l.wrap(Explain(err, l.cfg.What, MaxLiveBytes))
	}
	if len(read[0].Data) == 0 {
		return nil, l.wrap(fmt.Errorf("the file is empty; write the %s into it, or leave the setting out", l.cfg.What))
	}
	return read[0].Data, nil
}

func (l *Live[T]) wrap(err error) error {
	return fmt.Errorf("%s %q: %w", l.cfg.Setting, l.cfg.Path, err)
}
