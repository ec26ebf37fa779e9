package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	contour "github.com/contour-xds/contour/internal/credentials"
)

// classify finds the reason in an error of ServerHandshake. Errors with a type
// are told by it, the rest by their text, which crypto/tls and gRPC do not
// promise to keep: the tests produce each over a real socket.
func classify(err error) Reason {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.Is(err, contour.ErrUnavailable):
		return CredentialsUnavailable
	case errors.As(err, &verification):
		return classifyCertificate(verification, time.Now())
	case errors.As(err, &record) && record.Conn != nil:
		return NotTLS
	case errors.As(err, &network) && network.Op == "remote error":
		return PeerAlert
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case closed(err):
		return Closed
	}
	return classifyText(err.Error())
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
		return BadCertificate
	}
	switch invalid.Reason {
	case x509.Expired: // which means outside of its time, in either direction
		if invalid.Cert != nil && now.Before(invalid.Cert.NotBefore) {
			return NotYetValid
		}
		return Expired
	case x509.IncompatibleUsage:
		return WrongUsage
	default:
		return BadCertificate
	}
}

// texts are parts of error texts that stand for a reason: of crypto/tls but for
// the one of gRPC, which checks ALPN once more after the handshake.
var texts = []struct {
	part   string
	reason Reason
}{
	{"client didn't provide a certificate", NoCertificate},
	{"client offered only unsupported versions", ProtocolVersion},
	{"client requested unsupported application protocols", NoALPN},
	{"missing selected ALPN property", NoALPN},
	{"doesn't support any of the certificate's signature algorithms", NoSharedParameters},
	{"no cipher suite supported by both client and server", NoSharedParameters},
	{"no key exchanges supported by both client and server", NoSharedParameters},
	{"failed to parse client certificate", BadCertificate},
	{"invalid signature by the client certificate", BadCertificate},
}

func classifyText(text string) Reason {
	for _, t := range texts {
		if strings.Contains(text, t.part) {
			return t.reason
		}
	}
	return Other
}
