package access_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/contour-xds/contour/internal/access"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/revocation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed gives one generation.
type fixed struct{ material *credentials.Material }

func (f fixed) Material() (*credentials.Material, error) { return f.material, nil }
func (f fixed) Close() error                             { return nil }

// A guarded is a guard with files of its own, all of which are of one CA.
type guarded struct {
	*access.Guard
	t           *testing.T
	ca          *certtest.CA
	server      *certtest.Pair
	policy, crl string
	registry    *prometheus.Registry
	log         *logtest.Buffer
}

const policyText = `rules:
- name: edge
  identities: ["spiffe://example.org/edge/*"]
  groups: ["edge"]
  secrets: ["static"]
- name: core
  identities: ["spiffe://example.org/core/one"]
  groups: ["core", "edge"]
  nodeID: identity
- name: eyes
  identities: ["eyes.example.org"]
  status: true
`

// newGuard returns one with a policy and revocation lists where asked.
func newGuard(t *testing.T, policy string, lists bool) *guarded {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	server := certtest.Server()
	server.DNSNames = append(server.DNSNames, "contour.example.org")
	g := &guarded{t: t, ca: ca, server: ca.Issue(t, server), registry: prometheus.NewPedanticRegistry(), log: &logtest.Buffer{}}
	log := slog.New(slog.NewTextHandler(g.log, nil))
	cfg := access.Config{
		Provider: fixed{credentials.NewMaterial(g.server.Chain, g.server.Key, []*x509.Certificate{ca.Cert}, time.Now())},
		Logger:   log, Registerer: g.registry,
	}
	if policy != "" {
		g.policy = filepath.Join(t.TempDir(), "policy.yaml")
		certtest.WriteFile(t, g.policy, []byte(policy))
		live, err := files.NewLive(files.LiveConfig[*identity.Policy]{
			Setting: "--access-policy", Path: g.policy, What: "access policy", Name: "access_policy", Parse: identity.ParsePolicy, Logger: log,
		})
		must(t, err)
		t.Cleanup(func() { _ = live.Close() })
		cfg.Policy = live
	}
	if lists {
		g.crl = filepath.Join(t.TempDir(), "crl.pem")
		certtest.WriteFile(t, g.crl, ca.RevocationList(t, certtest.List{}))
		checker, err := revocation.New(revocation.Config{Path: g.crl, Logger: log})
		must(t, err)
		t.Cleanup(func() { _ = checker.Close() })
		cfg.Revocation = checker
	}
	g.Guard = access.New(cfg)
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// issue issues a client's certificate with names.
func (g *guarded) issue(names ...string) *certtest.Pair {
	g.t.Helper()
	leaf := certtest.Client()
	leaf.DNSNames = nil
	for _, name := range names {
		if uri, err := url.Parse(name); err == nil && uri.Scheme != "" {
			leaf.URIs = append(leaf.URIs, uri)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	return g.ca.Issue(g.t, leaf)
}

// ask checks as a door does that refuses whom it is told to.
func (g *guarded) ask(pair *certtest.Pair) error {
	err := g.Check(g.chains(pair))
	var denial *handshake.Denial
	if errors.As(err, &denial) {
		g.Denied(denial)
	}
	return err
}

// chains are what crypto/tls would have verified.
func (g *guarded) chains(pair *certtest.Pair) [][]*x509.Certificate {
	return [][]*x509.Certificate{append(slices.Clone(pair.Chain), g.ca.Cert)}
}

// denied is how often a reason is counted.
func (g *guarded) denied(reason access.Reason) float64 {
	g.t.Helper()
	families, err := g.registry.Gather()
	must(g.t, err)
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == string(reason) {
			return m.GetCounter().GetValue()
		}
	}
	g.t.Fatalf("no series for %s", reason)
	return 0
}

// wantOnly holds the counts to one reason, or to none.
func (g *guarded) wantOnly(want access.Reason) {
	g.t.Helper()
	for _, reason := range access.Reasons() {
		count := 0.0
		if reason == want {
			count = 1
		}
		if got := g.denied(reason); got != count {
			g.t.Errorf("%s is counted %v times, want %v", reason, got, count)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoIsLetIn(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy string
		pair   func(g *guarded) *certtest.Pair
		want   access.Reason // "" is to be let in
		closes handshake.CloseReason
	}{
		{"an identity of a rule", policyText, func(g *guarded) *certtest.Pair { return g.issue("spiffe://example.org/edge/7") }, "", ""},
		{"an identity of no rule", policyText, func(g *guarded) *certtest.Pair { return g.issue("spiffe://example.org/other/7") }, access.NoRule, handshake.Forbidden},
		{"nobody", policyText, func(g *guarded) *certtest.Pair { return g.issue() }, access.NoIdentity, handshake.Forbidden},
		{"two SPIFFE IDs", policyText, func(g *guarded) *certtest.Pair {
			return g.issue("spiffe://example.org/edge/7", "spiffe://example.org/core/one")
		}, access.NoIdentity, handshake.Forbidden},
		{"an operator", policyText, func(g *guarded) *certtest.Pair { return g.issue(identity.OperatorURI) }, "", ""},
		{"an operator who is somebody else as well", policyText, func(g *guarded) *certtest.Pair {
			return g.issue(identity.OperatorURI, "urn:other")
		}, access.NoIdentity, handshake.Forbidden},
		{"anybody without a policy", "", func(g *guarded) *certtest.Pair { return g.issue() }, "", ""},
		{"the server's certificate", "", func(g *guarded) *certtest.Pair { return g.server }, access.OwnCertificate, ""},
		{"another certificate of the server's key", "", func(g *guarded) *certtest.Pair {
			return &certtest.Pair{Chain: g.ca.Certify(g.t, certtest.Client(), g.server.Key), Key: g.server.Key}
		}, access.OwnCertificate, ""},
		{"another server of the same name", "", func(g *guarded) *certtest.Pair { return g.ca.Issue(g.t, certtest.Server()) }, access.OwnCertificate, ""},
		{"the server's name in capitals, for everything", "", func(g *guarded) *certtest.Pair {
			return g.ca.Issue(g.t, certtest.Leaf{DNSNames: []string{strings.ToUpper(certtest.ServerName)}})
		}, access.OwnCertificate, ""},
		{"a wildcard that stands for the server's name", "", func(g *guarded) *certtest.Pair {
			return g.ca.Issue(g.t, certtest.Leaf{DNSNames: []string{"*.example.org"}})
		}, access.OwnCertificate, ""},
		{"a name beside the server's, for everything", "", func(g *guarded) *certtest.Pair {
			return g.ca.Issue(g.t, certtest.Leaf{DNSNames: []string{"envoy.example.org"}})
		}, "", ""},
		{"the server's name, for clients alone", "", func(g *guarded) *certtest.Pair { return g.issue(certtest.ServerName) }, "", ""},
		{"the server's name, for everything", "", func(g *guarded) *certtest.Pair {
			return g.ca.Issue(g.t, certtest.Leaf{DNSNames: []string{certtest.ServerName}, Usages: []x509.ExtKeyUsage{}})
		}, access.OwnCertificate, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGuard(t, row.policy, true)
			err := g.ask(row.pair(g))
			var denial *handshake.Denial
			switch {
			case row.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case row.want != "" && (!errors.As(err, &denial) || string(denial.Reason) != string(row.want) || denial.Close != row.closes):
				t.Errorf("got %#v, want %s and closed as %q", err, row.want, row.closes)
			}
			g.wantOnly(row.want)
		})
	}
}

func TestWhoMayJoin(t *testing.T) {
	for _, row := range []struct {
		name, policy, who, group, node string
		want                           access.Reason
		secrets                        []string
	}{
		{"without a policy", "", "spiffe://example.org/edge/7", "core", "", "", nil},
		{"a group of its rule", policyText, "spiffe://example.org/edge/7", "edge", "anything", "", []string{"static"}},
		{"a group of another's", policyText, "spiffe://example.org/edge/7", "core", "", access.GroupForbidden, nil},
		{"a group that nobody has", policyText, "spiffe://example.org/edge/7", "nowhere", "", access.GroupForbidden, nil},
		{"as it is called", policyText, "spiffe://example.org/core/one", "core", "spiffe://example.org/core/one", "", nil},
		{"under another name", policyText, "spiffe://example.org/core/one", "core", "spiffe://example.org/core/two", access.NodeMismatch, nil},
		{"who may only look", policyText, "eyes.example.org", "edge", "", access.GroupForbidden, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newGuard(t, row.policy, false)
			grant, err := g.Join(access.Client{Leaf: g.issue(row.who).Chain[0], Remote: "192.0.2.7:1", Group: row.group, NodeID: row.node})
			if (err == nil) != (row.want == "") || !slices.Equal(grant.Secrets, row.secrets) {
				t.Errorf("got %+v, %v", grant, err)
			}
			g.wantOnly(row.want)
			if row.want != "" && (!strings.Contains(g.log.String(), "reason="+string(row.want)) || !strings.Contains(g.log.String(), "identity="+row.who) || !strings.Contains(g.log.String(), "group="+row.group)) {
				t.Errorf("the log does not say who was denied what, and why: %s", g.log)
			}
			if row.want == "" && grant.Identity != row.who {
				t.Errorf("it is called %s", grant.Identity)
			}
			if err != nil && (strings.Contains(err.Error(), "edge") || strings.Contains(err.Error(), "core")) {
				t.Errorf("the error says what exists: %v", err)
			}
		})
	}
}

func TestWhoMaySeeTheFleet(t *testing.T) {
	for _, row := range []struct {
		who    string
		policy string
		want   access.Reason
	}{
		{identity.OperatorURI, "", ""},
		{identity.OperatorURI, policyText, ""},
		{"eyes.example.org", policyText, ""},
		{"eyes.example.org", "", access.StatusForbidden},
		{"spiffe://example.org/edge/7", policyText, access.StatusForbidden},
	} {
		g := newGuard(t, row.policy, false)
		if err := g.See(access.Client{Leaf: g.issue(row.who).Chain[0], Remote: "192.0.2.7:1"}); (err == nil) != (row.want == "") {
			t.Errorf("%s: %v", row.who, err)
		}
		g.wantOnly(row.want)
	}
	g := newGuard(t, policyText, false)
	if err := g.See(access.Client{Remote: "192.0.2.7:1"}); err == nil {
		t.Error("who has no certificate sees the fleet")
	}
}

// TestAGuardChangesItsMind has each of its files change, which it says and then acts on.
func TestAGuardChangesItsMind(t *testing.T) {
	g := newGuard(t, policyText, true)
	pair := g.issue("spiffe://example.org/edge/7")
	must(t, g.ask(pair))

	changed := g.Changed()
	certtest.WriteFile(t, g.policy, []byte(strings.ReplaceAll(policyText, "edge/*", "edge/8")))
	wait(t, changed)
	if err := g.ask(pair); err == nil || g.denied(access.NoRule) != 1 {
		t.Errorf("after a new policy: %v", err)
	}

	changed = g.Changed()
	certtest.WriteFile(t, g.policy, []byte(policyText))
	wait(t, changed)
	must(t, g.ask(pair))

	changed = g.Changed()
	certtest.WriteFile(t, g.crl, bytes.Clone(g.ca.RevocationList(t, certtest.List{Revoked: pair.Chain[:1]})))
	wait(t, changed)
	var denial *handshake.Denial
	if err := g.ask(pair); !errors.As(err, &denial) || denial.Close != handshake.Revoked || g.denied(access.Revoked) != 1 {
		t.Errorf("after a new list: %v", err)
	}
}

func wait(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not change its mind")
	}
}

// TestALivingConnectionOutlivesItsList has a list end, which keeps newcomers out and
// closes nothing.
func TestALivingConnectionOutlivesItsList(t *testing.T) {
	g := newGuard(t, "", true)
	pair := g.issue("spiffe://example.org/edge/7")
	changed := g.Changed()
	certtest.WriteFile(t, g.crl, certtest.NewCA(t, "another").RevocationList(t, certtest.List{}))
	wait(t, changed)
	var denial *handshake.Denial
	if err := g.ask(pair); !errors.As(err, &denial) || denial.Reason != handshake.RevocationUnknown || denial.Close != "" {
		t.Errorf("got %v", err)
	}
	g.wantOnly(access.RevocationUnknown)
}

// TestReasonsOfDenialsHaveSeries holds the reasons of other rooms to this one's set.
func TestReasonsOfDenialsHaveSeries(t *testing.T) {
	reasons := access.Reasons()
	for _, reason := range identity.Reasons() {
		if !slices.Contains(reasons, access.Reason(reason)) {
			t.Errorf("%s has no series", reason)
		}
	}
	for _, reason := range []handshake.Reason{
		handshake.OwnCertificate, handshake.RevokedCertificate, handshake.RevocationUnknown, handshake.NoIdentity, handshake.NoRule,
	} {
		if !slices.Contains(reasons, access.Reason(reason)) {
			t.Errorf("%s has no series", reason)
		}
	}
}
