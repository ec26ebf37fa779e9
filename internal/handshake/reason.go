package handshake

// Reason is why a handshake failed, from a closed set: a peer can never make a
// new series of metrics.
type Reason string

// The reasons.
const (
	// NoCertificate: the client presented none. A Go client that has none of the
	// CAs that the server names arrives like this too.
	NoCertificate Reason = "no_certificate"
	// UnknownCA: no trusted root issued the client's certificate, or an
	// intermediate is missing from its chain.
	UnknownCA Reason = "unknown_ca"
	// Expired: the client's certificate, or one of its chain, has ended.
	Expired Reason = "expired"
	// NotYetValid: the client's certificate, or one of its chain, has not begun.
	NotYetValid Reason = "not_yet_valid"
	// WrongUsage: the client's certificate may not be used by clients.
	WrongUsage Reason = "wrong_usage"
	// BadCertificate: the client's certificate is wrong in any other way.
	BadCertificate Reason = "bad_certificate"
	// NotTLS: the peer speaks another protocol, plaintext HTTP/2 for example.
	NotTLS Reason = "not_tls"
	// ProtocolVersion: the client offers no TLS 1.3.
	ProtocolVersion Reason = "protocol_version"
	// NoALPN: the client does not offer h2.
	NoALPN Reason = "no_alpn"
	// NoSharedParameters: the client offers no cipher suite, group or signature
	// algorithm that this server can use with its certificate.
	NoSharedParameters Reason = "no_shared_parameters"
	// PeerAlert: the client refused us, with a TLS alert.
	PeerAlert Reason = "peer_alert"
	// CredentialsUnavailable: this server had nothing to serve the handshake with.
	CredentialsUnavailable Reason = "credentials_unavailable"
	// Timeout: the handshake took longer than it may.
	Timeout Reason = "timeout"
	// Closed: the peer closed the connection, before a byte or in the midst.
	Closed Reason = "closed"
	// Other is everything else.
	Other Reason = "other"
)

// Reasons returns the closed set, in the order in which it is documented.
func Reasons() []Reason {
	return []Reason{
		NoCertificate, UnknownCA, Expired, NotYetValid, WrongUsage, BadCertificate, NotTLS,
		ProtocolVersion, NoALPN, NoSharedParameters, PeerAlert, CredentialsUnavailable, Timeout, Closed, Other,
	}
}
