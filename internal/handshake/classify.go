package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	contour "github.com/contour-xds/contour/internal/credentials"
)

// classify finds the reason in an error of ServerHandshake and in what was seen
// of the peer. Errors with a type are told by it, and by the marks that the rows of
// the table have; the rest by their text, which crypto/tls does not promise to
// keep.
func (c *conn) classify(err error) Reason {
	var refused *refusal
	var denial *Denial
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &refused):
		return refused.reason
	case errors.As(err, &denial):
		return denial.Reason
	case errors.Is(err, contour.ErrUnavailable):
		return CredentialsUnavailable
	case errors.As(err, &verification):
		return classifyCertificate(verification, time.Now())
	case errors.As(err, &record) && record.Conn != nil:
		return NotTLS
	case errors.As(err, &record):
		return MalformedRecord
	case errors.As(err, &network) && network.Op == "remote error":
		return classifyAlert(network.Err)
	case errors.As(err, &network) && network.Op == "local error" && c.seen.alert != 0:
		return alertReason(uint64(c.seen.alert))
	case errors.As(err, &network) && network.Op == "local error" && c.seen.farewell:
		return ClosedMidway
	case errors.As(err, &network) && network.Op == "local error": // an alert of ours, about what the peer sent
		return MalformedRecord
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case closed(err) && c.received == 0:
		return Probe
	case closed(err):
		return ClosedMidway
	}
	return c.classifyText(err.Error())
}

// closed tells the ways in which a peer goes away.
func closed(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// classifyCertificate tells why Go's verifier refused the client's chain.
func classifyCertificate(err *tls.CertificateVerificationError, now time.Time) Reason {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return UnknownCA
	case !errors.As(err, &invalid):
		return BadChain
	}
	if invalid.Reason == x509.Expired && invalid.Cert != nil && now.Before(invalid.Cert.NotBefore) {
		return NotYetValid // the verifier's word for both directions is expired
	}
	return find(BadChain, func(m marks) bool { return slices.Contains(m.invalid, invalid.Reason) })
}

// classifyAlert tells an alert of the peer by its number. Its type is not
// exported by crypto/tls, and [tls.AlertError] is another one.
func classifyAlert(alert error) Reason {
	number := reflect.ValueOf(alert)
	if number.Kind() != reflect.Uint8 {
		return PeerAlertOther
	}
	return alertReason(number.Uint())
}

func alertReason(alert uint64) Reason {
	return find(PeerAlertOther, func(m marks) bool { return slices.Contains(m.alerts, alert) })
}

// classifyText tells the rest. What a ClientHello lacks is asked last, since the
// server may have found another fault before it came to that.
func (c *conn) classifyText(text string) Reason {
	fallback := Other
	switch {
	case c.seen.hello && c.seen.noVersion:
		fallback = ProtocolVersion
	case c.seen.hello && c.seen.noALPN:
		fallback = NoALPN
	}
	reason := find(fallback, func(m marks) bool {
		return slices.ContainsFunc(m.texts, func(part string) bool { return strings.HasPrefix(text, "tls: "+part) })
	})
	if reason == BadSignature && c.seen.smallKey() {
		return MalformedCertificate
	}
	return reason
}

// find returns the reason of the first row whose marks fit, or the fallback.
func find(fallback Reason, fits func(marks) bool) Reason {
	for i := range explanations {
		if fits(explanations[i].marks) {
			return explanations[i].Reason
		}
	}
	return fallback
}
