package handshake

import "crypto/x509"

// explanations is the closed set, in the order in which it is documented. The
// series of the metric, its help, the levels of the log and
// docs/reference/handshake-failures.md come from it.
var explanations = []Explanation{
	{
		Reason: NoCertificate,
		Means:  "The client presented no certificate. A Go client that has none of the CAs that the server names arrives like this, too, and one of OpenSSL whose key is of a kind that the server does not take.",
		Do:     "Give the Envoy its certificate and key: `contour bootstrap --envoy-mtls-cert` and `--envoy-mtls-key`. If it has them, it is not an Envoy of yours, or has a certificate of another CA or with a key that is neither ECDSA (P-256, P-384, P-521), Ed25519 nor RSA.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "TLSV1_ALERT_CERTIFICATE_REQUIRED",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{texts: []string{"client didn't provide a certificate"}},
	},
	{
		Reason: UnknownCA,
		Means:  "No CA of `--contour-cafile` issued the client's certificate, or an intermediate is missing from its chain, or is no CA.",
		Do:     "Compare the certificate's issuer, which the log line has, with the bundle. In a rollover of the CA, the new one must be in every bundle before the first certificate of it is used. Put intermediates into the client's certificate file, behind the leaf.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "TLSV1_ALERT_UNKNOWN_CA",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: Expired,
		Means:  "The client's certificate, or one of its chain, has ended.",
		Do:     "Issue a new one, and restart that Envoy unless it follows its files. The log line says when it ended; if that is in the future, compare the clocks.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_CERTIFICATE_EXPIRED",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{invalid: []x509.InvalidReason{x509.Expired}},
	},
	{
		Reason: NotYetValid,
		Means:  "The client's certificate, or one of its chain, has not begun.",
		Do:     "Compare the clocks of both machines and of the one that issued the certificate.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_CERTIFICATE_EXPIRED",
			Note: "TLS has no alert of its own for this. At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: WrongUsage,
		Means:  "The client's certificate, or a CA above it, may not be used for clients. The server's own certificate in an Envoy's hands arrives like this.",
		Do:     "Issue one with `extendedKeyUsage=clientAuth`.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{invalid: []x509.InvalidReason{x509.IncompatibleUsage, x509.CANotAuthorizedForExtKeyUsage}},
	},
	{
		Reason: NameConstraints,
		Means:  "A CA above the client's certificate may not issue for the names in it (RFC 5280, section 4.2.1.10).",
		Do:     "Issue it by a CA that may, or with names that are permitted. The log line has the names and the constraint.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{invalid: []x509.InvalidReason{
			x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.TooManyConstraints, x509.NameConstraintsWithoutSANs,
		}},
	},
	{
		Reason: BadChain,
		Means:  "The client's chain breaks another rule of RFC 5280: a path that is longer than a CA permits, a critical extension that is not known.",
		Do:     "Read the log line, which has the verifier's words, and issue the certificate anew.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: MalformedCertificate,
		Means:  "What the client presented as its certificate can't be read, or has a key of a kind or size that is not supported.",
		Do:     "Look at the file with `openssl x509 -in FILE -text`, and issue it anew with a key of ECDSA P-256.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "TLSV1_ALERT_DECODE_ERROR",
			Note: "Envoy takes some certificates that contour can't read, such as one with a negative serial number. At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{texts: []string{
			"failed to parse client certificate",
			"client sent certificate containing RSA key larger than",
			"client certificate contains an unsupported public key",
		}},
	},
	{
		Reason: BadSignature,
		Means:  "The client could not prove that it has the key of its certificate.",
		Do:     "The file of the key and that of the certificate belong to different pairs, or somebody shows a certificate that is not theirs: find out which by the address and the subject in the log line.",
		Envoy: EnvoySide{
			Log:  "KEY_VALUES_MISMATCH",
			Note: "Envoy does not start with a key that is not its certificate's, and these are its last words: it is no Envoy that arrives like this.",
		},
		marks: marks{texts: []string{
			"invalid signature by the client certificate",
			"client certificate used with invalid signature algorithm",
		}},
	},
	{
		Reason: OwnCertificate,
		Means:  "The client's certificate is this server's own, or one that could pass as it: its key is the server's, or it bears a name of the server's and may be used for servers.",
		Do:     "Issue the Envoys a certificate of their own, with another key, `extendedKeyUsage=clientAuth` and names of their own: `contour certgen client` does. One key pair for both sides lets each Envoy pose as the server to all the others.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: RevokedCertificate,
		Means:  "The client's certificate, or one of its chain, is on a list of `--contour-crlfile`.",
		Do:     "If the key was stolen, this is the thief, or the Envoy that it was stolen from: docs/howto/revocation.md. Give that Envoy a new key and certificate.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: RevocationUnknown,
		Means:  "No list of `--contour-crlfile` says whether the client's certificate, or one of its chain, was revoked: the list of its issuer is missing, or has ended. Those who were connected before stay.",
		Do:     "Put a current list of the issuer that the log line names into the file. `--contour-crl-unavailable warn` lets such clients in meanwhile.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: NoIdentity,
		Means:  "The client's certificate names nobody: it has neither one valid SPIFFE ID nor a DNS name, and there is an access policy.",
		Do:     "Issue it with a SPIFFE ID or a DNS name as subject alternative name. The common name is no identity.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: NoRule,
		Means:  "No rule of `--access-policy` can match the client's identity, whatever group it asks for.",
		Do:     "If it is an Envoy of yours, add its identity, which the log line has, to a rule: docs/reference/access-policy.md. `contour validate --access-policy` tells what is wrong with a policy.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_CERTIFICATE",
			Note: "At Envoy's ordinary level only `connection termination`.",
		},
	},
	{
		Reason: NotTLS,
		Means:  "The peer speaks another protocol, most often gRPC in plaintext.",
		Do:     "Write that Envoy's bootstrap with the three `--envoy-` files. A health check belongs on the metrics port.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_destroy_remote_with_active_rq",
			Log:  "reset reason: connection termination",
			Note: "The same words at Envoy's ordinary level. An Envoy without TLS has no counters `cluster.contour.ssl`.",
		},
	},
	{
		Reason: MalformedRecord,
		Means:  "The peer speaks TLS and breaks its rules: a record or message that is damaged, too long, out of order or forbidden.",
		Do:     "If it is an Envoy of yours, look for something between the two that changes bytes. If the log line says that the handshake is longer than any that is meant, its certificate chain is too long: 16 KiB are for all that it sends. A scanner arrives like this, too.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "SSLV3_ALERT_BAD_RECORD_MAC",
			Note: "Measured with a relay that changes a bit. At Envoy's ordinary level only `connection termination`.",
		},
		marks: marks{texts: []string{
			"client used the legacy version field to negotiate TLS 1.3",
			"TLS 1.3 client supports illegal compression methods",
			"initial handshake had non-empty renegotiation extension",
			"early_data without pre_shared_key",
			"client sent unexpected early data",
			"invalid client key share",
			"invalid or missing PSK binders",
			"invalid PSK binder",
			"handshake buffer not empty before HelloRetryRequest",
			"handshake buffer not empty before setting read traffic secret",
			"client didn't send one key share in second ClientHello",
			"client sent unexpected key share in second ClientHello",
			"client indicated early data in second ClientHello",
			"client illegally modified second ClientHello",
			"received unexpected handshake message of type",
			"handshake message of length",
			"too many ignored records",
			"too many non-advancing records",
			"invalid client finished hash",
			"client sent invalid encrypted client hello extension",
			"client sent invalid encrypted_client_hello extension",
			"client sent an unexpected quic_transport_parameters extension",
			"second client hello missing encrypted client hello extension",
			"second client hello encrypted client hello extension does not match",
			"failed to decrypt second client hello encrypted client hello extension payload",
			"unexpected switch in encrypted client hello extension type",
		}},
	},
	{
		Reason: ProtocolVersion,
		Means:  "The client does not offer TLS 1.3. Envoy does not by default.",
		Do:     "Write the bootstrap by `contour bootstrap`, or set `tls_maximum_protocol_version: TLSv1_3`.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "TLSV1_ALERT_PROTOCOL_VERSION",
			Note: "The same words at Envoy's ordinary level.",
		},
	},
	{
		Reason: NoALPN,
		Means:  "The client does not offer HTTP/2 (`h2`) by ALPN, without which there is no gRPC.",
		Do:     "Let the cluster speak HTTP/2 (`explicit_http_config.http2_protocol_options`), and leave `alpn_protocols` out or set it to `[h2]`. A browser or curl at the wrong port arrives like this, too.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_destroy_remote_with_active_rq",
			Log:  "reset reason: connection termination",
			Note: "The same words at Envoy's ordinary level. `cluster.contour.ssl.handshake` rises and `cluster.contour.ssl.connection_error` does not, since TLS itself went well.",
		},
	},
	{
		Reason: NoSharedParameters,
		Means:  "Client and server share no cipher suite, group or signature algorithm for the server's key. An Envoy without `signature_algorithms` offers none for a key of Ed25519 or P-521.",
		Do:     "Use a key of ECDSA P-256, and the bootstrap of `contour bootstrap`, which offers every algorithm that the server may need.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.connection_error",
			Log:  "HANDSHAKE_FAILURE_ON_CLIENT_HELLO",
			Note: "The same words at Envoy's ordinary level.",
		},
		marks: marks{texts: []string{
			"peer doesn't support any of the certificate's signature algorithms",
			"no cipher suite supported by both client and server",
			"no key exchanges supported by both client and server",
		}},
	},
	{
		Reason: PeerAlertUnknownCA,
		Means:  "The client refused this server by a TLS alert: it does not know the CA of its certificate.",
		Do:     "Compare the CA of `--envoy-cafile` with the issuer of `--contour-mtls-cert`, and put intermediates into the latter, behind the leaf.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.fail_verify_error",
			Log:  "unable to get local issuer certificate",
			Note: "At Envoy's ordinary level `CERTIFICATE_VERIFY_FAILED`.",
		},
		marks: marks{alerts: []uint64{48}},
	},
	{
		Reason: PeerAlertExpired,
		Means:  "The client refused this server by a TLS alert: its certificate has ended, or has not begun, by the client's clock.",
		Do:     "Replace the files of `--contour-mtls-cert` and `--contour-mtls-key` and, with `--credential-provider file`, restart contour. `contour_credentials_not_after_timestamp_seconds` says when they end, so that an alert comes first.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.fail_verify_error",
			Log:  "certificate has expired",
			Note: "Of one that has not begun, `certificate is not yet valid`. At Envoy's ordinary level `CERTIFICATE_VERIFY_FAILED`.",
		},
		marks: marks{alerts: []uint64{45}},
	},
	{
		Reason: PeerAlertOther,
		Means:  "The client refused this server by another TLS alert, which the log line names: most often it expects another name in the server's certificate.",
		Do:     "Compare the DNS names of `--contour-mtls-cert` with `--xds-server-name`, and its usage with `extendedKeyUsage=serverAuth`.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.ssl.fail_verify_san",
			Log:  "verify cert failed: SAN matcher",
			Note: "That is of another name; Envoy 1.40.0 adds the names that it found. With anything else `cluster.contour.ssl.fail_verify_error` rises and the line says what. At Envoy's ordinary level `CERTIFICATE_VERIFY_FAILED`.",
		},
	},
	{
		Reason: CredentialsUnavailable,
		Means:  "This server had nothing to serve the handshake with.",
		Do:     "Read the server's log: its credential provider says why.",
		Envoy: EnvoySide{
			Note: "Not measured: the credentials of files are there as long as the server runs.",
		},
	},
	{
		Reason: Timeout,
		Means:  "The peer did not do its part within `--handshake-timeout`.",
		Do:     "Look at the network between the two, and at the load of the peer. A stranger who stalls arrives like this, too.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_timeout",
			Log:  "reset reason: connection timeout",
			Note: "After 5 seconds, since `connect_timeout` of the bootstrap ends before `--handshake-timeout`; this server then counts `closed_midway`, or `probe` if nothing of it arrived. The same words at Envoy's ordinary level. Meanwhile `control_plane.connected_state` is 1.",
		},
	},
	{
		Reason: Overload,
		Means:  "The handshake waited for a CPU turn of this server until `--handshake-timeout` was over.",
		Do:     "Give the server more CPU, or raise `--handshake-cpus` if it has some left. `contour_xds_tls_handshakes_pending` with the state `queue` shows how many wait.",
		Envoy: EnvoySide{
			Note: "Not measured: Envoy's `connect_timeout` of 5 seconds ends first, and what it shows is that of `timeout`.",
		},
	},
	{
		Reason:   Probe,
		Means:    "The peer closed the connection before it sent a byte, as a health check does that only opens the port.",
		Do:       "Nothing, though `/readyz` tells a health check more.",
		Expected: true,
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "Only if something between the two closes the connection: an Envoy speaks at once. The same words at Envoy's ordinary level.",
		},
	},
	{
		Reason: ClosedMidway,
		Means:  "The peer closed the connection in the midst of the handshake.",
		Do:     "A process that was restarted arrives like this. If it goes on, read that peer's log.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "If it was not Envoy that closed the connection. The same words at Envoy's ordinary level.",
		},
	},
	{
		Reason: Shed,
		Means:  "So many connections were in their handshake that the one which had waited longest for its peer's bytes had to make room (`--max-handshakes`).",
		Do:     "Somebody opens connections and stalls: find the addresses in the log and keep them from the port. If all of them are yours, raise the limit.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "The same words at Envoy's ordinary level.",
		},
	},
	{
		Reason: SourceLimit,
		Means:  "The same for one source address (`--max-handshakes-per-source`).",
		Do:     "If a fleet is behind that address, raise the limit or leave it off.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "The same words at Envoy's ordinary level.",
		},
	},
	{
		Reason: ConnectionLimit,
		Means:  "As many connections are open as `--max-connections` permits. In plaintext this is counted here as well.",
		Do:     "Run more replicas, or raise the limit together with memory and the limit of open files.",
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "The same words at Envoy's ordinary level. No counter `cluster.contour.ssl` moves: it is refused before TLS begins, unless the last place goes while it shakes hands.",
		},
	},
	{
		Reason:   Shutdown,
		Means:    "This server was shutting down.",
		Do:       "Nothing: Envoy connects anew.",
		Expected: true,
		Envoy: EnvoySide{
			Stat: "cluster.contour.upstream_cx_connect_fail",
			Log:  "reset reason: remote connection failure",
			Note: "The same words at Envoy's ordinary level. Afterwards `Connection refused`, until a server is there again.",
		},
	},
	{
		Reason: Other,
		Means:  "Everything else.",
		Do:     "Read the log line, and tell us.",
		Envoy: EnvoySide{
			Note: "None is known.",
		},
	},
}
