package credentials

import (
	"crypto/x509"
	"net"
	"net/url"
	"slices"
)

// IsOwn reports whether a client's certificate is this generation's own, or could pass
// as it: one of the same key, or one that bears a name of it and may be used for
// servers. Whoever has such a certificate could serve Envoys in this server's name, so
// that no client may have one. The name is enough: replicas have certificates of their
// own, and the one before a renewal is valid still.
func (m *Material) IsOwn(client *x509.Certificate) bool { return CouldPassAs(client, m.chain[0]) }

// CouldPassAs is the rule of [Material.IsOwn] for the certificates of any two sides.
func CouldPassAs(client, server *x509.Certificate) bool {
	return slices.Equal(client.RawSubjectPublicKeyInfo, server.RawSubjectPublicKeyInfo) ||
		mayServe(client) && bearsNameOf(client, server)
}

// mayServe goes by the extended key usage; a certificate without any may be used for
// everything (RFC 5280, section 4.2.1.12).
func mayServe(cert *x509.Certificate) bool {
	return len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// bearsNameOf reports whether a certificate would be taken for one of the names of the
// server's, as those who connect check it: in whatever case, and by a wildcard of its own
// (RFC 9525, section 6.3).
func bearsNameOf(cert, own *x509.Certificate) bool {
	return slices.ContainsFunc(own.DNSNames, func(name string) bool { return cert.VerifyHostname(name) == nil }) ||
		slices.ContainsFunc(own.IPAddresses, func(ip net.IP) bool { return slices.ContainsFunc(cert.IPAddresses, ip.Equal) }) ||
		slices.ContainsFunc(own.URIs, func(uri *url.URL) bool {
			return slices.ContainsFunc(cert.URIs, func(other *url.URL) bool { return uri.String() == other.String() })
		})
}
