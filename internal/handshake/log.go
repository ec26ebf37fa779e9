package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// defaultLogInterval is over what time events of one reason are summed up.
	defaultLogInterval = time.Minute
	// linesPerInterval is how many of a reason are logged one by one before that.
	linesPerInterval = 10
)

// A floodLog logs each event once, and a flood of them as a flood: the first few of
// a reason one by one, and how many more there were when the interval is over. It is
// safe for concurrent use.
type floodLog struct {
	log      *slog.Logger
	interval time.Duration
	// one logs an event, and more logs those that were summed up.
	one, more func(level slog.Level, attrs ...any)

	mu     sync.Mutex // guards floods
	floods map[string]*flood
}

// A flood is what happened of one reason since its interval began.
type flood struct {
	level            slog.Level
	logged, withheld int
	lastRemote       string
	timer            *time.Timer
}

func newFloodLog(log *slog.Logger, interval time.Duration) *floodLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if interval == 0 {
		interval = defaultLogInterval
	}
	return &floodLog{log: log, interval: interval, floods: make(map[string]*flood)}
}

func newRefusalLog(log *slog.Logger, interval time.Duration) *floodLog {
	l := newFloodLog(log, interval)
	l.one = func(level slog.Level, attrs ...any) {
		l.log.Log(context.Background(), level, "refused a TLS handshake", attrs...)
	}
	l.more = func(level slog.Level, attrs ...any) {
		l.log.Log(context.Background(), level, "refused more TLS handshakes for the same reason", attrs...)
	}
	return l
}

// event logs one, or sums it up. The level is the reason's own, and attrs is asked
// for the rest of the line if there is to be one.
func (l *floodLog) event(level slog.Level, reason, remote string, attrs func() []any) {
	if !l.log.Enabled(context.Background(), level) || !l.note(level, reason, remote) {
		return
	}
	l.one(level, append([]any{"remote", remote, "reason", reason}, attrs()...)...)
}

// note counts an event, and tells whether it is to have a line of its own.
func (l *floodLog) note(level slog.Level, reason, remote string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.floods[reason]
	if f == nil {
		f = &flood{level: level, timer: time.AfterFunc(l.interval, func() { l.ebb(reason) })}
		l.floods[reason] = f
	}
	if f.logged < linesPerInterval {
		f.logged++
		return true
	}
	f.withheld++
	f.lastRemote = remote
	return false
}

// ebb ends the interval of a reason.
func (l *floodLog) ebb(reason string) {
	l.mu.Lock()
	f := l.floods[reason]
	delete(l.floods, reason)
	l.mu.Unlock()
	if f == nil || f.withheld == 0 {
		return
	}
	l.more(f.level, "reason", reason, "count", f.withheld, "interval", l.interval, "last_remote", f.lastRemote)
}

// close ends every interval.
func (l *floodLog) close() {
	l.mu.Lock()
	reasons := slices.Sorted(maps.Keys(l.floods))
	for _, f := range l.floods {
		f.timer.Stop()
	}
	l.mu.Unlock()
	for _, reason := range reasons {
		l.ebb(reason)
	}
}

// logRefusal logs why a handshake failed, and whose it was.
func (d *Door) logRefusal(c *conn, reason Reason, err error) {
	d.refusals.event(level(reason), string(reason), c.RemoteAddr().String(), func() []any {
		attrs := []any{"error", bounded(err.Error())}
		if c.seen.alert != 0 {
			attrs = append(attrs, "alert", tls.AlertError(c.seen.alert).Error())
		}
		return append(attrs, describe(presented(c, err))...)
	})
}

// level is debug for what happens all day without anybody's fault.
func level(reason Reason) slog.Level {
	if explanation(reason).Expected {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// presented is the certificate that the peer showed, or nil.
func presented(c *conn, err error) *x509.Certificate {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		return verification.UnverifiedCertificates[0]
	}
	return c.seen.presented
}

// describe says whose certificate it is, for the one who has to find its owner.
func describe(cert *x509.Certificate) []any {
	if cert == nil {
		return nil
	}
	return []any{
		"subject", bounded(cert.Subject.String()), "sans", bounded(strings.Join(names(cert), ", ")),
		"serial", bounded(cert.SerialNumber.Text(16)), "issuer", bounded(cert.Issuer.String()),
		"not_before", cert.NotBefore.UTC().Format(time.RFC3339), "not_after", cert.NotAfter.UTC().Format(time.RFC3339),
	}
}

// names are the subject's alternative names, each with the kind that openssl
// gives it.
func names(cert *x509.Certificate) []string {
	var found []string
	for _, name := range cert.URIs {
		found = append(found, "URI:"+name.String())
	}
	for _, name := range cert.DNSNames {
		found = append(found, "DNS:"+name)
	}
	for _, name := range cert.IPAddresses {
		found = append(found, "IP:"+name.String())
	}
	for _, name := range cert.EmailAddresses {
		found = append(found, "email:"+name)
	}
	return found
}

// maxText bounds what a stranger can make us log of each thing: names of
// certificates, and errors that repeat them.
const maxText = 300

func bounded(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
