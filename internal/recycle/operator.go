package recycle

import (
	"crypto/x509"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// OperatorURI is the name that makes a certificate an operator's, as its only URI (RFC
// 5280, section 4.2.1.6). It is no SPIFFE ID, so that nothing which issues those can
// issue it, and internal/certgen has the same, for none of its commands to.
const OperatorURI = "urn:contour:operator"

// authorize tells why a caller is no operator. What counts is the certificate that
// mutual TLS has verified for the connection, and nothing that the call says.
func authorize(caller *peer.Peer) error {
	leaf := verifiedLeaf(caller)
	if leaf == nil || len(leaf.URIs) != 1 || leaf.URIs[0].String() != OperatorURI {
		return errNotOperator
	}
	return nil
}

// verifiedLeaf is the certificate that a caller was verified by, or nil.
func verifiedLeaf(caller *peer.Peer) *x509.Certificate {
	info, ok := caller.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}
