package inspect

import (
	"crypto/x509"
	"fmt"

	"github.com/contour-xds/contour/internal/credentials"
)

// together judges each server with each client: every certificate by the bundle of
// the other side, which in the midst of a rollover may be another than its own. The
// verdicts join those of the client's group.
func together(groups []Group) {
	for i := range groups {
		for _, server := range groups {
			if v, ok := groups[i].side.with(server.side); ok {
				groups[i].Verdicts = append(groups[i].Verdicts, v)
			}
		}
	}
}

// passes is what a client is told that contour serve refuses as its own.
const passes = "the server refuses the client: its certificate is the server's own, or could pass as it, since it has the same key, " +
	"or bears a name of the server's and may be used for servers; issue Envoys certificates of their own, for clients alone, as contour certgen client does"

// with judges a client with a server; ok is false where they are not that.
func (s side) with(server side) (v Verdict, ok bool) {
	if !s.complete(x509.ExtKeyUsageClientAuth) || !server.complete(x509.ExtKeyUsageServerAuth) || s.cert == server.cert {
		return v, false
	}
	v = Verdict{Who: fmt.Sprintf("%s with %s", s.cert, server.cert), Accepts: true}
	if err := server.verify(s, x509.ExtKeyUsageServerAuth); err != nil {
		v.Accepts, v.Says = false, append(v.Says, "the client refuses the server: "+err.Error())
	}
	if err := s.verify(server, x509.ExtKeyUsageClientAuth); err != nil {
		v.Accepts, v.Says = false, append(v.Says, "the server refuses the client: "+err.Error())
	}
	if credentials.CouldPassAs(s.files[s.cert].certs[0], server.files[server.cert].certs[0]) {
		v.Accepts, v.Says = false, append(v.Says, passes)
	}
	return v, true
}

// complete tells whether there is a bundle, and a certificate of that usage.
func (s side) complete(usage x509.ExtKeyUsage) bool {
	return len(s.files[s.ca].certs) > 0 && len(s.files[s.cert].certs) > 0 && permits(s.files[s.cert].certs[0], usage)
}
