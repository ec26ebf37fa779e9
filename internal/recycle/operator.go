package recycle

import (
	"crypto/x509"

	"google.golang.org/grpc/peer"

	"github.com/contour-xds/contour/internal/identity"
)

// OperatorURI is the name of an operator's certificate, see [identity.OperatorURI].
const OperatorURI = identity.OperatorURI

// authorize tells why a caller is no operator. What counts is the certificate that
// mutual TLS has verified for the connection, and nothing that the call says.
func authorize(caller *peer.Peer) error {
	leaf := verifiedLeaf(caller)
	if leaf == nil || !identity.IsOperator(leaf) {
		return errNotOperator
	}
	return nil
}

// proven is what the server's transport credentials say of a connection.
type proven interface{ Leaf() *x509.Certificate }

// verifiedLeaf is the certificate that a caller was verified by, or nil.
func verifiedLeaf(caller *peer.Peer) *x509.Certificate {
	info, ok := caller.AuthInfo.(proven)
	if !ok {
		return nil
	}
	return info.Leaf()
}
