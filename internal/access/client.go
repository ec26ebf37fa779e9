package access

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"

	"github.com/contour-xds/contour/internal/identity"
)

// A Client is somebody on a connection: with the certificate that mutual TLS has
// verified, and what it claims.
type Client struct {
	// Leaf is its certificate.
	Leaf *x509.Certificate
	// Remote is its address, for the log.
	Remote string
	// Group and NodeID are what it says that it is, by node.cluster and node.id.
	Group, NodeID string
}

// A Grant is what a client may have.
type Grant struct {
	// Identity is who it is, and Rules are the names of those that let it in, for the log.
	Identity string
	Rules    string
	// Secrets are the names, sorted, of those that it is granted besides the ones that its
	// group's resources refer to.
	Secrets []string
}

// Join decides whether a client may join the group that it claims. The error is what
// the client may be told. What is denied is counted and logged.
func (g *Guard) Join(c Client) (Grant, error) {
	id := identity.Of(c.Leaf)
	if g.cfg.Policy == nil {
		return Grant{Identity: id.String()}, nil
	}
	grant, denial := g.cfg.Policy.Current().Join(id, c.Group, c.NodeID)
	if denial != nil {
		g.deny(Reason(denial.Reason), c, "rule", denial.Rule)
		return Grant{}, denial
	}
	return Grant{Identity: id.String(), Rules: strings.Join(grant.Rules, ", "), Secrets: grant.Secrets}, nil
}

// Withheld counts and logs that a client asked for a secret that it may not have.
func (g *Guard) Withheld(c Client, rules, secret string) {
	g.deny(SecretForbidden, c, "rule", rules, "secret", bounded(secret))
}

// errStatus is what everybody else is told.
var errStatus = errors.New("the certificate of this connection may not see the fleet: it takes an operator's, or a rule of the access policy with status: true")

// See decides whether a client may see the fleet: an operator, and who has a rule that
// says so. The error is what it may be told. What is denied is counted and logged.
func (g *Guard) See(c Client) error {
	if c.Leaf != nil && identity.IsOperator(c.Leaf) {
		return nil
	}
	if c.Leaf != nil && g.cfg.Policy != nil {
		if _, ok := g.cfg.Policy.Current().Watches(identity.Of(c.Leaf)); ok {
			return nil
		}
	}
	g.deny(StatusForbidden, c)
	return errStatus
}

// deny is the one place where the denial of a request is counted and logged.
func (g *Guard) deny(reason Reason, c Client, attrs ...any) {
	g.denied.WithLabelValues(string(reason)).Inc()
	who := identity.Identity{}
	if c.Leaf != nil {
		who = identity.Of(c.Leaf)
	}
	g.denials.Event(slog.LevelWarn, string(reason), who.String(), c.Remote, func() []any {
		return append([]any{"group", bounded(c.Group), "node", bounded(c.NodeID)}, attrs...)
	})
}

// maxText bounds what a peer can put into a log line, in bytes.
const maxText = 128

func bounded(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
