package handshake

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
)

// seen is what a handshake let the door see of its peer before it ended.
type seen struct {
	hello     bool // the ClientHello came and could be read
	noVersion bool // it offers no version of TLS that the server speaks
	noALPN    bool // it does not offer h2
	// alert is the number of an alert that the peer sent in the clear; 0 is none, since
	// that one means no error.
	alert uint8
	// presented is the peer's certificate, once it was verified. Of one that was not,
	// the verifier's error has it.
	presented *x509.Certificate
}

// Records of TLS that a peer may send in the clear while the handshake goes on
// (RFC 8446, section 5.1).
var (
	changeCipherSpec = []byte{20, 3, 3, 0, 1, 1}
	alertHead        = []byte{21, 3, 3, 0, 2}
)

// record looks for an alert in what was read. OpenSSL, and whatever stands on it,
// refuses a server's certificate by an alert in the clear, when the other side
// expects encryption already: crypto/tls sees no more than a record that it can't
// decrypt.
func (s *seen) record(b []byte) {
	b = bytes.TrimPrefix(b, changeCipherSpec)
	if alert, ok := bytes.CutPrefix(b, alertHead); ok && len(alert) >= 2 {
		s.alert = alert[1]
	}
}

// observe returns a config that decides as config does, and lets the connection
// see what was decided about. crypto/tls tells of a failed handshake only an
// error, and often only its text. The guard has the last word about a client.
func observe(config *tls.Config, guard Guard) *tls.Config {
	observed := config.Clone()
	observed.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c, ok := hello.Conn.(*conn)
		if !ok {
			return nil, fmt.Errorf("handshake: a connection of type %T did not come by a door", hello.Conn)
		}
		c.seen.hello = true
		c.seen.noVersion = !slices.ContainsFunc(hello.SupportedVersions, func(v uint16) bool { return speaks(config, v) })
		c.seen.noALPN = !slices.Contains(hello.SupportedProtos, "h2")
		chosen, err := choose(config, hello)
		if err != nil {
			return nil, err
		}
		return c.watch(chosen, guard), nil
	}
	return observed
}

func choose(config *tls.Config, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if config.GetConfigForClient == nil {
		return config, nil
	}
	chosen, err := config.GetConfigForClient(hello)
	if chosen == nil && err == nil {
		return config, nil
	}
	return chosen, err
}

// speaks tells whether a version that a client offers is one of the server's. Some
// offer numbers that are none, to keep servers from choking on them (RFC 8701).
func speaks(config *tls.Config, version uint16) bool {
	highest := config.MaxVersion
	if highest == 0 {
		highest = tls.VersionTLS13
	}
	return version >= max(config.MinVersion, tls.VersionTLS12) && version <= highest
}

// watch returns config for this connection alone. VerifyConnection comes after
// the chain is verified and before the signature that proves the key.
func (c *conn) watch(config *tls.Config, guard Guard) *tls.Config {
	watched := config.Clone()
	watched.GetConfigForClient = nil
	watched.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) > 0 {
			c.seen.presented = state.PeerCertificates[0]
		}
		if config.VerifyConnection != nil {
			if err := config.VerifyConnection(state); err != nil {
				return err
			}
		}
		c.guarded = guard.Changed() // before the guard decides, or a change in between would be missed
		return guard.Check(state.VerifiedChains)
	}
	return watched
}
