package e2e

import (
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

// arrivalsOfTheKnown are Envoys whose chain is good, and who are not let in all the
// same: for who they are, or for a revocation list.
func arrivalsOfTheKnown() []arrival {
	client := certtest.Client()
	nameless := certtest.Client()
	nameless.DNSNames = nil
	return []arrival{
		{"an Envoy with the server's own certificate", handshake.OwnCertificate, func(f *fixture) (*contour, string) {
			leaf := certtest.Server()
			leaf.Usages = nil // else it is refused for being good for servers alone
			f.server = f.credentials(f.ca, leaf)
			c := f.serve()
			return c, f.bootstrap(c, f.server)
		}, nil},
		{"an Envoy whose certificate is revoked", handshake.RevokedCertificate, listed(func(f *fixture, pair *certtest.Pair) []byte {
			return f.ca.RevocationList(f.t, certtest.List{Revoked: pair.Chain[:1]})
		}), nil},
		{"an Envoy of a CA that gave no list", handshake.RevocationUnknown, listed(func(f *fixture, _ *certtest.Pair) []byte {
			return certtest.NewCA(f.t, "other").RevocationList(f.t, certtest.List{})
		}), nil},
		{"an Envoy without a name", handshake.NoIdentity, underPolicy(nameless, "*.example.org"), nil},
		{"an Envoy that no rule is for", handshake.NoRule, underPolicy(client, "*.example.org"), nil},
	}
}

// listed is an Envoy of a contour with a revocation list.
func listed(list func(*fixture, *certtest.Pair) []byte) func(*fixture) (*contour, string) {
	return func(f *fixture) (*contour, string) {
		pair := f.ca.Issue(f.t, certtest.Client())
		c := f.serve("--contour-crlfile", temporary(f.t, list(f, pair)))
		return c, f.bootstrap(c, certtest.WriteFiles(f.t, f.t.TempDir(), f.ca, pair))
	}
}

// underPolicy is an Envoy of a contour whose policy has a rule for others.
func underPolicy(leaf certtest.Leaf, others string) func(*fixture) (*contour, string) {
	return func(f *fixture) (*contour, string) {
		policy := `rules: [{name: others, identities: ["` + others + `"], groups: ["*"]}]`
		c := f.serve("--access-policy", temporary(f.t, []byte(policy)))
		return c, f.bootstrap(c, f.credentials(f.ca, leaf))
	}
}

// temporary writes a file that nothing changes.
func temporary(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	certtest.WriteFile(t, path, data)
	return path
}
