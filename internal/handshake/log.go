package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"time"
)

// logRefusal logs why a handshake failed, and whose it was.
func (d *Door) logRefusal(c *conn, reason Reason, err error) {
	d.refusals.Event(level(reason), string(reason), identityIn(err), c.RemoteAddr().String(), func() []any {
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
