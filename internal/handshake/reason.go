package handshake

import (
	"crypto/x509"
	"strings"
)

// Reason is why a handshake failed, from a closed set: a peer can never make a
// new series of metrics.
type Reason string

// The reasons. What each means, and what an operator does about it, is in
// [Explanations].
const (
	NoCertificate          Reason = "no_certificate"
	UnknownCA              Reason = "unknown_ca"
	Expired                Reason = "expired"
	NotYetValid            Reason = "not_yet_valid"
	WrongUsage             Reason = "wrong_usage"
	NameConstraints        Reason = "name_constraints"
	BadChain               Reason = "bad_chain"
	MalformedCertificate   Reason = "malformed_certificate"
	BadSignature           Reason = "bad_signature"
	OwnCertificate         Reason = "own_certificate"
	RevokedCertificate     Reason = "revoked"
	RevocationUnknown      Reason = "revocation_unknown"
	NoIdentity             Reason = "no_identity"
	NoRule                 Reason = "no_rule"
	NotTLS                 Reason = "not_tls"
	MalformedRecord        Reason = "malformed_record"
	ProtocolVersion        Reason = "protocol_version"
	NoALPN                 Reason = "no_alpn"
	NoSharedParameters     Reason = "no_shared_parameters"
	PeerAlertUnknownCA     Reason = "peer_alert_unknown_ca"
	PeerAlertExpired       Reason = "peer_alert_expired"
	PeerAlertOther         Reason = "peer_alert_other"
	CredentialsUnavailable Reason = "credentials_unavailable"
	Timeout                Reason = "timeout"
	Overload               Reason = "overload"
	Probe                  Reason = "probe"
	ClosedMidway           Reason = "closed_midway"
	Shed                   Reason = "shed"
	SourceLimit            Reason = "source_limit"
	ConnectionLimit        Reason = "connection_limit"
	Shutdown               Reason = "shutdown"
	Other                  Reason = "other"
)

// Explanation is what an operator wants to know of a reason.
type Explanation struct {
	Reason Reason
	// Means says what happened, in a sentence or two.
	Means string
	// Do says what to do about it.
	Do string
	// Envoy is what an Envoy that is refused like this shows. Of a reason that no
	// Envoy arrives with, only the note is set.
	Envoy EnvoySide
	// Expected tells of a reason that turns up in ordinary operation: no alarm, and no
	// line in the log above debug.
	Expected bool

	marks marks
}

// marks are what tells a reason in the errors of crypto/tls and crypto/x509.
// Reasons of the door's own, of the network and of what a ClientHello lacks have
// none.
type marks struct {
	// invalid is what Go's verifier says of a chain.
	invalid []x509.InvalidReason
	// alerts are those of the peer (RFC 8446, section 6).
	alerts []uint64
	// texts are the beginnings of error texts of crypto/tls, behind its "tls: ": what
	// follows can be the peer's own words. A test finds each in the source of the Go
	// that builds this, and fails where one is gone.
	texts []string
}

// EnvoySide is what Envoy shows of a refused handshake, as measured with the
// Envoys that the tests run.
type EnvoySide struct {
	// Stat is the full name of a counter that rises.
	Stat string
	// Log is part of a line in Envoy's log.
	Log string
	// Note says when and where that line comes, or why there is none.
	Note string
}

// Explanations returns the closed set of reasons, explained, in the order in which
// it is documented. The caller owns what it gets.
func Explanations() []Explanation { return append([]Explanation(nil), explanations...) }

// Reasons returns the closed set, in the same order.
func Reasons() []Reason {
	reasons := make([]Reason, 0, len(explanations))
	for i := range explanations {
		reasons = append(reasons, explanations[i].Reason)
	}
	return reasons
}

// explanation returns the row of a reason.
func explanation(reason Reason) Explanation {
	for i := range explanations {
		if explanations[i].Reason == reason {
			return explanations[i]
		}
	}
	return Explanation{Reason: reason}
}

// failuresHelp is the help of the counter, which names each reason with the first
// sentence of what it means.
func failuresHelp() string {
	var b strings.Builder
	b.WriteString("Failed TLS handshakes on the xDS port, by reason.")
	for i := range explanations {
		meaning, _, _ := strings.Cut(explanations[i].Means, ". ")
		b.WriteString(" " + string(explanations[i].Reason) + ": " + strings.TrimSuffix(meaning, ".") + ".")
	}
	return b.String()
}
