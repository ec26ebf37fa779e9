package identity

import "crypto/x509"

// OperatorURI is the name that makes a certificate an operator's, as its only URI (RFC
// 5280, section 4.2.1.6). It is no SPIFFE ID, so that nothing which issues those can
// issue it, and internal/certgen has the same, for none of its commands to.
const OperatorURI = "urn:contour:operator"

// IsOperator reports whether a certificate, which the caller has verified, is that of
// an operator: of somebody who may see the fleet and have its connections closed, and
// who is no Envoy.
func IsOperator(leaf *x509.Certificate) bool {
	return len(leaf.URIs) == 1 && leaf.URIs[0].String() == OperatorURI
}
