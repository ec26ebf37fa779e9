package bootstrap

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// transportSocket makes Envoy speak TLS 1.3 alone, show its certificate, and take
// no other peer for the server than one whose certificate the CA signed and whose
// name is right.
func transportSocket(cfg Config) (*corev3.TransportSocket, error) {
	common := &tlsv3.CommonTlsContext{
		// As a client, Envoy goes no higher than TLS 1.2 unless told to, and the
		// server no lower than 1.3.
		TlsParams: &tlsv3.TlsParameters{
			TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			SignatureAlgorithms:       signatureAlgorithms,
		},
		// gRPC servers refuse a client that does not negotiate HTTP/2. Envoy does so by
		// itself for a cluster that is HTTP/2 alone; this does not depend on it.
		AlpnProtocols: []string{"h2"},
	}
	if cfg.ResourcesDir == "" {
		cfg.nameFiles(common)
	} else {
		cfg.nameSecrets(common)
	}
	upstream, err := packed(&tlsv3.UpstreamTlsContext{Sni: sni(cfg.ServerName), CommonTlsContext: common})
	if err != nil {
		return nil, err
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: upstream},
	}, nil
}

// nameFiles has Envoy read the credentials once, when it starts.
func (cfg Config) nameFiles(common *tlsv3.CommonTlsContext) {
	common.TlsCertificates = []*tlsv3.TlsCertificate{{
		CertificateChain: file(cfg.TLS.CertFile),
		PrivateKey:       file(cfg.TLS.KeyFile),
	}}
	common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{
		ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa:                 file(cfg.TLS.CAFile),
			MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{serverIdentity(cfg.ServerName)},
		},
	}
}

// nameSecrets has Envoy follow the credentials by SDS. The server's name is no part of
// what it follows: Envoy merges what the secret has into what stands here, and takes
// no secret without a CA for one that would verify nothing.
func (cfg Config) nameSecrets(common *tlsv3.CommonTlsContext) {
	common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{cfg.secretConfig(CertificateSecret)}
	common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
		CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext: &tlsv3.CertificateValidationContext{
				MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{serverIdentity(cfg.ServerName)},
			},
			ValidationContextSdsSecretConfig: cfg.secretConfig(TrustSecret),
		},
	}
}

// signatureAlgorithms are those of TLS 1.3 (RFC 8446 section 4.2.3) that both sides
// know, by BoringSSL's names. Left to itself, Envoy offers neither Ed25519 nor
// ECDSA on P-521, and could reach no server with such a key.
var signatureAlgorithms = []string{
	"ecdsa_secp256r1_sha256", "ed25519", "rsa_pss_rsae_sha256",
	"ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha384",
	"ecdsa_secp521r1_sha512", "rsa_pss_rsae_sha512",
}

// serverIdentity keeps every other certificate of the CA, each Envoy's included,
// from posing as the server.
func serverIdentity(name string) *tlsv3.SubjectAltNameMatcher {
	san := tlsv3.SubjectAltNameMatcher_DNS
	if addr, err := netip.ParseAddr(name); err == nil {
		// Envoy compares text, and writes the certificate's address in this form.
		san, name = tlsv3.SubjectAltNameMatcher_IP_ADDRESS, addr.Unmap().String()
	}
	return &tlsv3.SubjectAltNameMatcher{
		SanType: san,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
	}
}

// sni is empty for an address, which RFC 6066 section 3 bans from a server name
// indication.
func sni(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
