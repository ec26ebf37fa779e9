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
	r := p.conn.register
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.conn.root == nil {
		return "", time.Time{}
	}
	return contour.RootFingerprint(p.conn.root.cert), p.conn.until
}

// Expel closes the connection, for a reason that is counted and logged; once, however
// often it is called.
func (p *Peer) Expel(reason CloseReason, why error) {
	p.keeper.expel(p.conn, reason, p.Leaf(), why)
}
