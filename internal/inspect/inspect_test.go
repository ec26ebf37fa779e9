package inspect_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/inspect"
	"github.com/contour-xds/contour/internal/logtest"
)

// explain inspects one folder, and returns its verdicts by who says them, and all
// of it as JSON.
func explain(t *testing.T, dir string) (verdicts map[string]inspect.Verdict, text string) {
	t.Helper()
	groups, err := inspect.Explain(inspect.Config{Paths: []string{dir}, ServerName: certtest.ServerName, Now: time.Now()})
	if err != nil || len(groups) != 1 {
		t.Fatalf("got %d groups, %v", len(groups), err)
	}
	verdicts = make(map[string]inspect.Verdict)
	for _, v := range groups[0].Verdicts {
		verdicts[v.Who] = v
	}
	data, err := json.Marshal(groups)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts, string(data)
}

const (
	serve     = "contour serve"
	byEnvoy   = "Envoy, of contour's"
	bootstrap = "contour bootstrap"
	byServer  = "contour serve, of Envoy's"
)

func TestVerdicts(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	intermediate := ca.Intermediate(t, "intermediate")
	rows := []struct {
		name    string
		leaf    certtest.Leaf
		issuer  *certtest.CA
		change  func(*certtest.Pair)
		accepts map[string]bool
		says    string
	}{
		{"a good server", certtest.Server(), ca, nil, map[string]bool{serve: true, byEnvoy: true}, ""},
		{"a good client", certtest.Client(), ca, nil, map[string]bool{bootstrap: true, byServer: true}, ""},
		{
			"one for both sides",
			certtest.Leaf{CommonName: "both", DNSNames: []string{certtest.ServerName}},
			ca, nil,
			map[string]bool{serve: true, byEnvoy: true, bootstrap: true, byServer: true},
			"",
		},
		{
			"a server without a name",
			certtest.Leaf{CommonName: certtest.ServerName, Usages: certtest.Server().Usages},
			ca, nil,
			map[string]bool{serve: true, byEnvoy: false},
			"the certificate has none",
		},
		{
			"a server for neither side",
			certtest.Leaf{DNSNames: []string{certtest.ServerName}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}},
			ca, nil,
			map[string]bool{serve: false, byEnvoy: false},
			"may not be used for serverAuth",
		},
		{"a server that has its intermediate with it", certtest.Server(), intermediate, nil, map[string]bool{serve: true, byEnvoy: true}, ""},
		{
			"a server without its intermediate", certtest.Server(), intermediate, func(p *certtest.Pair) { p.Chain = p.Chain[:1] },
			map[string]bool{serve: true, byEnvoy: false},
			"an intermediate is missing",
		},
		{
			"a pair that does not fit", certtest.Server(), ca, func(p *certtest.Pair) { p.Key = certtest.NewKey(t, certtest.RSA) },
			map[string]bool{serve: false, byEnvoy: true},
			"must be a pair",
		},
		{
			"a client that is not valid yet",
			certtest.Leaf{DNSNames: []string{"envoy"}, Usages: certtest.Client().Usages, NotBefore: time.Now().Add(time.Hour)},
			ca, nil,
			map[string]bool{bootstrap: false, byServer: false},
			"is not valid before",
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			pair := row.issuer.Issue(t, row.leaf)
			if row.change != nil {
				row.change(pair)
			}
			dir := t.TempDir()
			certtest.WriteFiles(t, dir, ca, pair)
			got, text := explain(t, dir)
			if len(got) != len(row.accepts) {
				t.Errorf("got the verdicts %v", got)
			}
			for who, want := range row.accepts {
				if got[who].Accepts != want {
					t.Errorf("%s accepts: %v, want %v: %q", who, got[who].Accepts, want, got[who].Says)
				}
			}
			if !strings.Contains(text, row.says) {
				t.Errorf("nobody says %q:\n%s", row.says, text)
			}
			block, _ := pem.Decode(pair.KeyPEM(t))
			logtest.Silent(t, text, block.Bytes)
		})
	}
}

func TestRevocationListsAreExplained(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	pair := ca.Issue(t, certtest.Client())
	good := ca.RevocationList(t, certtest.List{Revoked: pair.Chain})
	ended := ca.RevocationList(t, certtest.List{ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Hour)})
	const who = `contour serve, of the revocation lists "`
	for name, row := range map[string]struct {
		data    []byte
		accepts bool
		says    string
	}{
		"one in force":     {good, true, `"revoked":1`},
		"one that ended":   {bytes.Join([][]byte{good, ended}, nil), false, "give the CA's current one"},
		"a list and a key": {bytes.Join([][]byte{good, pair.KeyPEM(t)}, nil), false, "there is no certificate among these files"},
	} {
		dir := t.TempDir()
		certtest.WriteFile(t, dir+"/crl.pem", row.data)
		verdicts, text := explain(t, dir)
		v, ok := verdicts[who+dir+`/crl.pem"`]
		if len(verdicts) != 1 || ok && v.Accepts != row.accepts || !strings.Contains(text, row.says) {
			t.Errorf("%s: got %v, and no %q in %s", name, verdicts, row.says, text)
		}
		block, _ := pem.Decode(pair.KeyPEM(t))
		logtest.Silent(t, text, block.Bytes)
	}
	dir := t.TempDir()
	certtest.WriteFiles(t, dir, ca, pair)
	certtest.WriteFile(t, dir+"/root.crl", good)
	if verdicts, _ := explain(t, dir); len(verdicts) != 3 || !verdicts[bootstrap].Accepts {
		t.Errorf("a list beside credentials: got %v", verdicts)
	}
}

// TestSidesAreHeldToTheBundleOfEachOther has two sides that are steps of a rollover
// apart: one trusts both CAs, the other its own alone.
func TestSidesAreHeldToTheBundleOfEachOther(t *testing.T) {
	old, next := certtest.NewCA(t, "old"), certtest.NewCA(t, "next")
	ahead := func(t *testing.T, leaf certtest.Leaf) string {
		dir := t.TempDir()
		files := certtest.WriteFiles(t, dir, next, next.Issue(t, leaf))
		certtest.WriteFile(t, files.CA, certtest.EncodeCertificates(old.Cert, next.Cert))
		return dir
	}
	behind := func(t *testing.T, leaf certtest.Leaf) string {
		dir := t.TempDir()
		certtest.WriteFiles(t, dir, old, old.Issue(t, leaf))
		return dir
	}
	rows := []struct {
		name           string
		server, client func(*testing.T, certtest.Leaf) string
		says           string
	}{
		{"a client that is ahead", behind, ahead, "the server refuses the client: "},
		{"a server that is ahead", ahead, behind, "the client refuses the server: "},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			groups, err := inspect.Explain(inspect.Config{
				Paths: []string{row.server(t, certtest.Server()), row.client(t, certtest.Client())}, ServerName: certtest.ServerName, Now: time.Now(),
			})
			if err != nil || len(groups) != 2 {
				t.Fatalf("got %d groups, %v", len(groups), err)
			}
			last := groups[1].Verdicts[len(groups[1].Verdicts)-1]
			if last.Accepts || len(last.Says) != 1 || !strings.HasPrefix(last.Says[0], row.says) {
				t.Errorf("got %+v, want one that says %q", last, row.says)
			}
		})
	}
}

// TestAClientThatCouldPassAsTheServerIsRefused has what contour serve calls
// own_certificate.
func TestAClientThatCouldPassAsTheServerIsRefused(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	server := ca.Issue(t, certtest.Server())
	both := ca.Issue(t, certtest.Leaf{CommonName: "both", DNSNames: []string{certtest.ServerName}})
	ofKey := &certtest.Pair{Chain: ca.Certify(t, certtest.Client(), server.Key), Key: server.Key}
	for name, row := range map[string]struct {
		server, client *certtest.Pair
		accepts        bool
	}{
		"one pair for both sides":            {both, both, false},
		"another of the same key":            {server, ofKey, false},
		"another with the name, for servers": {server, both, false},
		"one for clients alone":              {server, ca.Issue(t, certtest.Client()), true},
		"one with the name, for clients alone": {
			server, ca.Issue(t, certtest.Leaf{DNSNames: []string{certtest.ServerName}, Usages: certtest.Client().Usages}), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			contour, envoy := t.TempDir(), t.TempDir()
			certtest.WriteFiles(t, contour, ca, row.server)
			certtest.WriteFiles(t, envoy, ca, row.client)
			groups, err := inspect.Explain(inspect.Config{Paths: []string{contour, envoy}, ServerName: certtest.ServerName, Now: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			last := groups[1].Verdicts[len(groups[1].Verdicts)-1]
			says := strings.Join(last.Says, "\n")
			refused := strings.Contains(says, "could pass as it") && strings.Contains(says, "issue Envoys certificates of their own, for clients alone")
			if last.Accepts != row.accepts || refused == row.accepts {
				t.Errorf("got %+v", last)
			}
		})
	}
}

func TestWhatACertificateSaysIsNoLineOfItsOwn(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	leaf := certtest.Server()
	leaf.CommonName = "x\ncontour serve: accepts these files\x1b[2J"
	file := certtest.WriteFiles(t, t.TempDir(), ca, ca.Issue(t, leaf))
	if subject := inspect.Read(file.Cert).Certificates[0].Subject; strings.ContainsAny(subject, "\n\x1b") {
		t.Errorf("got %q", subject)
	}
}
