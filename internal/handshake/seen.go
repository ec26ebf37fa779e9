package handshake

import (
	"crypto/rsa"
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
	// farewell says that the peer sent that one in the clear: it goes.
	farewell bool
	// presented is the peer's certificate, once it was verified. Of one that was not,
	// the verifier's error has it.
	presented *x509.Certificate
}

// A record that is an alert in the clear (RFC 8446, sections 5.1 and 6): a level and a
// description.
const (
	alertType   = 21
	alertLength = 2
)

// record follows what was read, by r, and looks for an alert in it. OpenSSL, and
// whatever stands on it, refuses a server's certificate by an alert in the clear, when
// the other side expects encryption already: crypto/tls sees no more than a record that
// it can't decrypt.
func (s *seen) record(r *recordReader, b []byte) {
	for len(b) > 0 {
		var body []byte
		body, b = r.next(b)
		if len(body) == 0 || r.rest > 0 || r.head[0] != alertType || r.length() != alertLength {
			continue
		}
		if alert := body[len(body)-1]; alert != 0 {
			s.alert = alert
		} else {
			s.farewell = true
		}
	}
}

// leastRSA is how many bits a key of RSA must have to be used by crypto/rsa.
const leastRSA = 1024

// smallKey tells whether the peer's certificate was good and its key can't be used.
// crypto/tls calls that an invalid signature, as it does a key of another.
func (s *seen) smallKey() bool {
	if s.presented == nil {
		return false
	}
	key, ok := s.presented.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() < leastRSA
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
