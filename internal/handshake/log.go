package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// defaultLogInterval is over what time refusals of one reason are summed up.
	defaultLogInterval = time.Minute
	// linesPerInterval is how many of a reason are logged one by one before that.
	linesPerInterval = 10
)

// A refusalLog logs each refusal once, and a flood of them as a flood: the first
// few of a reason one by one, and how many more there were when the interval is
// over. It is safe for concurrent use.
type refusalLog struct {
	log      *slog.Logger
	interval time.Duration

	mu     sync.Mutex // guards floods
	floods map[Reason]*flood
}

// A flood is what happened of one reason since its interval began.
type flood struct {
	logged, withheld int
	lastRemote       string
	timer            *time.Timer
}

func newRefusalLog(log *slog.Logger, interval time.Duration) *refusalLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if interval == 0 {
		interval = defaultLogInterval
	}
	return &refusalLog{log: log, interval: interval, floods: make(map[Reason]*flood)}
}

func (l *refusalLog) refused(c *conn, reason Reason, err error) {
	level := level(reason)
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	remote := c.RemoteAddr().String()
	if !l.note(reason, remote) {
		return
	}
	attrs := []any{"remote", remote, "reason", string(reason), "error", bounded(err.Error())}
	if c.seen.alert != 0 {
		attrs = append(attrs, "alert", tls.AlertError(c.seen.alert).Error())
	}
	attrs = append(attrs, describe(presented(c, err))...)
	l.log.Log(context.Background(), level, "refused a TLS handshake", attrs...)
}

// level is debug for what happens all day without anybody's fault.
func level(reason Reason) slog.Level {
	if explanation(reason).Expected {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// note counts a refusal, and tells whether it is to have a line of its own.
func (l *refusalLog) note(reason Reason, remote string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.floods[reason]
	if f == nil {
		f = &flood{timer: time.AfterFunc(l.interval, func() { l.ebb(reason) })}
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
func (l *refusalLog) ebb(reason Reason) {
	l.mu.Lock()
	f := l.floods[reason]
	delete(l.floods, reason)
	l.mu.Unlock()
	if f == nil || f.withheld == 0 {
		return
	}
	l.log.Log(context.Background(), level(reason), "refused more TLS handshakes for the same reason",
		"reason", string(reason), "count", f.withheld, "interval", l.interval, "last_remote", f.lastRemote)
}

func (l *refusalLog) close() {
	for _, reason := range Reasons() {
		l.mu.Lock()
		if f := l.floods[reason]; f != nil {
			f.timer.Stop()
		}
		l.mu.Unlock()
		l.ebb(reason)
	}
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
