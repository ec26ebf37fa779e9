package credentials

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrUnavailable is in the chain of the error with which a handshake is refused
// because the provider has no material to serve it with.
var ErrUnavailable = errors.New("no credentials to serve with")

// ServerTLS is the one place that states the TLS policy of the xDS channel,
// whatever the provider:
//
//   - TLS 1.3 alone (RFC 8446);
//   - a client certificate is required and verified by Go's own verifier against
//     the roots of the provider's material, for client authentication;
//   - no session tickets, so that every connection verifies its certificate
//     anew and nothing outlives a change of the roots;
//   - ALPN h2 (RFC 9113), as gRPC demands it.
//
// Further checks of a peer belong into VerifyConnection, never into
// VerifyPeerCertificate, which a resumed session would skip.
//
// Each handshake takes the provider's material of that moment, whole. The
// config is safe for concurrent use and must not be changed.
func ServerTLS(p CredentialProvider) *tls.Config {
	var current atomic.Pointer[generation]
	outer := policy()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m, err := p.Material()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if g := current.Load(); g != nil && g.material == m {
			return g.config, nil
		}
		g := &generation{material: m, config: serverConfig(m)}
		// Two handshakes may both make one; the configs are equal, either may stay.
		current.Store(g)
		return g.config, nil
	}
	return outer
}

// A generation is a material with the config made of it, so that the config is
// made once and not for each handshake.
type generation struct {
	material *Material
	config   *tls.Config
}

func serverConfig(m *Material) *tls.Config {
	c := policy()
	c.Certificates = []tls.Certificate{m.certificate()}
	c.ClientCAs = m.pool
	return c
}

// policy is what the outer config and those that GetConfigForClient returns have
// in common: what is missing in either is missing on the wire.
func policy() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
		NextProtos:             []string{"h2"},
	}
}

// ClientTLS is the same policy from the other side, for a call of ours to a server
// whose certificate must bear the name, a host's or an address. It keeps the material
// for good.
func ClientTLS(m *Material, serverName string) *tls.Config {
	cert := m.certificate()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: m.pool, ServerName: serverName, NextProtos: []string{"h2"},
		// It is shown whatever CAs the server asks for: a refusal says more than none.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}
}
