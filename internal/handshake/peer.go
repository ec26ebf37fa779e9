package handshake

import (
	"crypto/x509"
	"time"

	"google.golang.org/grpc/credentials"

	contour "github.com/contour-xds/contour/internal/credentials"
)

// A Peer is the authentication info of a connection that a [Door] let in, for those who
// serve its streams: what mutual TLS has proven about the client, and a hand on the
// connection. It is safe for concurrent use.
type Peer struct {
	credentials.AuthInfo // the inner one
	keeper               *keeper
	conn                 *conn
}

// GetCommonAuthInfo is that of the inner info: gRPC asks it for the security level.
func (p *Peer) GetCommonAuthInfo() credentials.CommonAuthInfo {
	if info, ok := p.AuthInfo.(interface {
		GetCommonAuthInfo() credentials.CommonAuthInfo
	}); ok {
		return info.GetCommonAuthInfo()
	}
	return credentials.CommonAuthInfo{}
}

// Leaf is the client's certificate, which mutual TLS has verified; nil in plaintext. It
// is shared and not to be changed.
func (p *Peer) Leaf() *x509.Certificate {
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

// Connected is when the connection was accepted.
func (p *Peer) Connected() time.Time { return p.conn.accepted }

// Standing is the fingerprint of the root that the connection stands on now, and when
// the first certificate of the chain to it ends; "" and zero in plaintext, and once
// the connection is closed.
func (p *Peer) Standing() (root string, until time.Time) {
	cert, until := p.conn.register.standingOf(p.conn)
	if cert == nil {
		return "", time.Time{}
	}
	return contour.RootFingerprint(cert), until // a hash is no thing to make under a lock
}

// standingOf is the root that a connection stands on, or nil, and until when.
func (r *register) standingOf(c *conn) (root *x509.Certificate, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.root == nil {
		return nil, time.Time{}
	}
	return c.root.cert, c.until
}

// NewestRoot is the fingerprint of the root in force that ends last, which is the new
// one of a rollover; "" in plaintext.
func (d *Door) NewestRoot() string {
	if d.keeper.provider == nil {
		return ""
	}
	m, err := d.keeper.provider.Material()
	if err != nil {
		return ""
	}
	var newest *x509.Certificate
	for _, root := range m.Roots() {
		if newest == nil || later(root.NotAfter, root.NotBefore, newest.NotAfter, newest.NotBefore) {
			newest = root
		}
	}
	if newest == nil {
		return ""
	}
	return contour.RootFingerprint(newest)
}

// Expel closes the connection, for a reason that is counted and logged; once, however
// often it is called.
func (p *Peer) Expel(reason CloseReason, why error) {
	p.keeper.expel(p.conn, reason, p.Leaf(), why)
}
