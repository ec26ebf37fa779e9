package handshake

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
	BadCertificate         Reason = "bad_certificate"
	NotTLS                 Reason = "not_tls"
	ProtocolVersion        Reason = "protocol_version"
	NoALPN                 Reason = "no_alpn"
	NoSharedParameters     Reason = "no_shared_parameters"
	PeerAlert              Reason = "peer_alert"
	CredentialsUnavailable Reason = "credentials_unavailable"
	Timeout                Reason = "timeout"
	Closed                 Reason = "closed"
	Other                  Reason = "other"
)

// Explanation is what an operator wants to know of a reason.
type Explanation struct {
	Reason Reason
	// Means says what happened, in a sentence.
	Means string
	// Do says what to do about it, in a sentence.
	Do string
}

// explanations is the closed set, in the order in which it is documented. The
// series of the metric and docs/reference/handshake-failures.md come from it.
var explanations = []Explanation{
	{
		NoCertificate,
		"The client presented no certificate. A Go client that has none of the CAs that the server names arrives like this, too.",
		"Give the Envoy its certificate and key: `contour bootstrap --envoy-mtls-cert` and `--envoy-mtls-key`. If it has them, it is not an Envoy of yours, or has a certificate of another CA.",
	},
	{
		UnknownCA,
		"No CA of `--contour-cafile` issued the client's certificate, or an intermediate is missing from its chain.",
		"Compare the certificate's issuer with the bundle. In a rollover of the CA, the new one must be in every bundle before the first certificate of it is used. Put intermediates into the client's certificate file, behind the leaf.",
	},
	{Expired, "The client's certificate, or one of its chain, has ended.", "Issue a new one and restart that Envoy."},
	{NotYetValid, "The client's certificate, or one of its chain, has not begun.", "Compare the clocks of both machines and of the one that issued the certificate."},
	{WrongUsage, "The client's certificate may not be used by clients. The server's own certificate in an Envoy's hands arrives like this.", "Issue one with `extendedKeyUsage=clientAuth`."},
	{BadCertificate, "The client's certificate is wrong in another way: name constraints, a signature, an encoding.", "Read the log line, which has the verifier's words, and issue the certificate anew."},
	{NotTLS, "The peer speaks another protocol, most often gRPC in plaintext.", "Write that Envoy's bootstrap with the three `--envoy-` files. A health check belongs on the metrics port."},
	{ProtocolVersion, "The client does not offer TLS 1.3. Envoy does not by default.", "Write the bootstrap by `contour bootstrap`, or set `tls_maximum_protocol_version: TLSv1_3`."},
	{NoALPN, "The client does not offer HTTP/2 (`h2`) by ALPN, without which there is no gRPC.", "Set `alpn_protocols: [h2]`. A browser or curl at the wrong port arrives like this, too."},
	{NoSharedParameters, "Client and server share no cipher suite, group or signature algorithm for the server's key.", "Use a key of ECDSA P-256, and the bootstrap of `contour bootstrap`, which offers every algorithm that the server may need."},
	{
		PeerAlert,
		"The client refused this server by a TLS alert, which the log line names: it does not trust its certificate, or finds another name in it.",
		"Compare the CA of `--envoy-cafile` with the issuer of `--contour-mtls-cert`, and its DNS names with `--xds-server-name`.",
	},
	{CredentialsUnavailable, "This server had nothing to serve the handshake with.", "Read the server's log: its credential provider says why."},
	{Timeout, "The handshake took longer than ten seconds.", "Look at the network between the two, and at the load of both; a stranger who stalls arrives like this, too."},
	{Closed, "The peer closed the connection, before a byte or in the midst.", "Nothing, if a probe opens the port and no more; let it ask `/readyz` instead."},
	{Other, "Everything else.", "Read the log line."},
}

// Explanations returns the closed set of reasons, explained, in the order in which
// it is documented. The caller owns what it gets.
func Explanations() []Explanation { return append([]Explanation(nil), explanations...) }

// Reasons returns the closed set, in the same order.
func Reasons() []Reason {
	reasons := make([]Reason, 0, len(explanations))
	for _, e := range explanations {
		reasons = append(reasons, e.Reason)
	}
	return reasons
}
