package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// A standing is what a live connection rests on. The zero value is that of a
// connection in plaintext, which rests on nothing and never ends by it.
type standing struct {
	// presented is the peer's chain, leaf first. The TLS connection holds the same
	// certificates for as long as it lives, so that they take no memory here.
	presented []*x509.Certificate
	// chains are those that verify it, in the same memory as long as the handshake's do.
	chains [][]*x509.Certificate
	// root is the root that verifies it; nil in plaintext.
	root *x509.Certificate
	// until is when the first certificate of the chain to that root ends.
	until time.Time
	// again says that it is not the one that the handshake found.
	again bool
}

// standingOf is the standing that a handshake found.
func standingOf(state *tls.ConnectionState) standing {
	return standOn(state.PeerCertificates, state.VerifiedChains)
}

// standOn tells which of the chains a connection stands on: the one whose root ends
// last, which is the newer one of a rollover. A peer whose chain is cross-signed is
// verified by the old root and by the new one, and the old one can go without
// harming it: so those that are counted on the old root are those that would be cut
// off.
func standOn(presented []*x509.Certificate, chains [][]*x509.Certificate) standing {
	s := standing{presented: presented, chains: chains}
	for _, chain := range chains {
		root, until := chain[len(chain)-1], end(chain)
		if s.root == nil || later(root.NotAfter, until, s.root.NotAfter, s.until) {
			s.root, s.until = root, until
		}
	}
	return s
}

// later compares the ends of two roots, and where those are equal the ends of the
// chains to them.
func later(root, chain, otherRoot, otherChain time.Time) bool {
	if c := root.Compare(otherRoot); c != 0 {
		return c > 0
	}
	return chain.After(otherChain)
}

// end is when the first certificate of a chain ends: Go's verifier asks that of
// each of them, the root included.
func end(chain []*x509.Certificate) time.Time {
	first := chain[0].NotAfter
	for _, cert := range chain[1:] {
		if cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first
}
