package certgen_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/pemfile"
)

// noon is when these tests take place, but for those that other tools judge.
var noon = time.Date(2030, time.June, 1, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T, cfg certgen.AuthorityConfig) *certgen.Authority {
	t.Helper()
	ca, err := certgen.NewAuthority(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *certgen.Authority, leaf certgen.Leaf) *certgen.Issued {
	t.Helper()
	issued, err := ca.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func names(t *testing.T, list ...string) certgen.Names {
	t.Helper()
	parsed, err := certgen.ParseNames(list)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// client is a leaf that is fine.
func client(t *testing.T) certgen.Leaf {
	t.Helper()
	return certgen.Leaf{Name: "envoy", Usage: certgen.ClientAuth, Names: names(t, "DNS:envoy"), Now: noon}
}

func wantError(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want an error that says %q", err, says)
	}
}

func TestIssueRefusesWhatAPeerWouldRefuseLater(t *testing.T) {
	rows := []struct {
		name  string
		spoil func(*certgen.Leaf)
		says  string
	}{
		{"a leaf without a name to be known by", func(l *certgen.Leaf) { l.Names = certgen.Names{} }, "has no name to be known by"},
		{"a leaf without a common name", func(l *certgen.Leaf) { l.Name = " " }, "its name is empty"},
		{"a common name that is too long", func(l *certgen.Leaf) { l.Name = strings.Repeat("x", 65) }, "longer than 64 characters"},
		{"a common name of two lines", func(l *certgen.Leaf) { l.Name = "a\nb" }, "do not print"},
		{"a leaf for neither side", func(l *certgen.Leaf) { l.Usage = 0 }, "for neither side"},
		{"a lifetime before now", func(l *certgen.Leaf) { l.Lifetime = -time.Hour }, "a lifetime of -1h0m0s is none"},
		{"a kind of key that nobody has", func(l *certgen.Leaf) { l.Key = "dsa" }, "no kind of key"},
		{"a leaf that outlives its CA", func(l *certgen.Leaf) { l.Lifetime = 31 * 24 * time.Hour }, "ask for a lifetime of 30d at most"},
		{"a CA that has expired", func(l *certgen.Leaf) { l.Now = noon.AddDate(1, 0, 0) }, "its CA expired at 2030-07-01T12:00:00Z"},
		{"a clock that is behind the CA's start", func(l *certgen.Leaf) { l.Now = noon.AddDate(-1, 0, 0) }, "check this machine's clock"},
	}
	ca := authority(t, certgen.AuthorityConfig{Lifetime: 30 * 24 * time.Hour, Now: noon})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			leaf := client(t)
			leaf.Lifetime = time.Hour
			row.spoil(&leaf)
			_, err := ca.Issue(leaf)
			wantError(t, err, row.says)
		})
	}
}

func TestALeafBeginsAnHourAgoAndEndsWhenAsked(t *testing.T) {
	ca := authority(t, certgen.AuthorityConfig{Now: noon})
	leaf := client(t)
	leaf.Lifetime, leaf.Now = 15*time.Minute, noon.Add(5*time.Hour+time.Nanosecond)
	cert := issue(t, ca, leaf).Chain()[0]
	if want := noon.Add(4 * time.Hour); !cert.NotBefore.Equal(want) {
		t.Errorf("it begins at %v, want %v", cert.NotBefore, want)
	}
	if want := noon.Add(5*time.Hour + 15*time.Minute); !cert.NotAfter.Equal(want) {
		t.Errorf("it ends at %v, want %v", cert.NotAfter, want)
	}
}

func TestALeafStaysWithinItsCA(t *testing.T) {
	ca := authority(t, certgen.AuthorityConfig{Now: noon, Lifetime: time.Hour})
	leaf := client(t)
	leaf.Lifetime, leaf.EndWithAuthority = 2*time.Hour, true
	issued := issue(t, ca, leaf)
	if cert := issued.Chain()[0]; !issued.Shortened() || !cert.NotAfter.Equal(noon.Add(time.Hour)) || cert.NotBefore.Before(ca.Certificate().NotBefore) {
		t.Errorf("it lives from %v to %v, shortened: %v", cert.NotBefore, cert.NotAfter, issued.Shortened())
	}
	leaf.Lifetime = time.Hour
	if issue(t, ca, leaf).Shortened() {
		t.Error("a leaf that ends with its CA as asked is told to be shortened")
	}
}

func TestSerialsArePositiveOf20OctetsAndNeverTheSame(t *testing.T) {
	ca := authority(t, certgen.AuthorityConfig{Now: noon})
	seen := map[string]bool{ca.Certificate().SerialNumber.String(): true}
	for range 200 {
		serial := issue(t, ca, client(t)).Chain()[0].SerialNumber
		if serial.Sign() <= 0 || serial.BitLen() != 159 || seen[serial.String()] {
			t.Fatalf("got %v, of %d bits", serial, serial.BitLen())
		}
		seen[serial.String()] = true
	}
}

func TestAnAuthorityComesBackFromItsPEM(t *testing.T) {
	for _, kind := range kinds {
		ca := authority(t, certgen.AuthorityConfig{Key: kind, Now: noon})
		key, err := ca.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := certgen.ParseAuthority(ca.CertPEM(), key)
		if err != nil {
			t.Fatal(err)
		}
		leaf := issue(t, again, client(t)).Chain()[0]
		if err := leaf.CheckSignatureFrom(ca.Certificate()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestParseAuthorityRefusesWhatCanNotSign(t *testing.T) {
	one, other := authority(t, certgen.AuthorityConfig{Now: noon}), authority(t, certgen.AuthorityConfig{Now: noon})
	key, err := one.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, one, client(t))
	leafKey, err := leaf.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name      string
		cert, key []byte
		says      string
	}{
		{"another CA's key", other.CertPEM(), key, "must be a pair"},
		{"a leaf", leaf.CertPEM(), leafKey, "may not sign others"},
		{"two CAs", append(one.CertPEM(), other.CertPEM()...), key, "leave the one that signs"},
		{"no key", one.CertPEM(), one.CertPEM(), "holds no private key"},
		{"nothing", nil, nil, "empty"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := certgen.ParseAuthority(row.cert, row.key)
			wantError(t, err, row.says)
		})
	}
}

// TestALeafOfAnIntermediateBringsItAlong has a CA that another one signed, and that
// began a moment ago.
func TestALeafOfAnIntermediateBringsItAlong(t *testing.T) {
	start := noon.Add(-time.Minute)
	root, ca := authority(t, certgen.AuthorityConfig{Now: noon}), authority(t, certgen.AuthorityConfig{Now: noon, Name: "intermediate"})
	template := *ca.Certificate()
	template.NotBefore, template.AuthorityKeyId = start, root.Certificate().SubjectKeyId
	der, err := x509.CreateCertificate(rand.Reader, &template, root.Certificate(), ca.Certificate().PublicKey, keyOf(t, root))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ca.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := certgen.ParseAuthority(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key)
	if err != nil {
		t.Fatal(err)
	}
	chain := issue(t, intermediate, client(t)).Chain()
	if len(chain) != 2 || !chain[1].Equal(intermediate.Certificate()) {
		t.Errorf("the chain has %d certificates, want the leaf and its issuer", len(chain))
	}
	if !chain[0].NotBefore.Equal(start) {
		t.Errorf("the leaf begins at %v, before its CA at %v", chain[0].NotBefore, start)
	}
}

func keyOf(t *testing.T, ca *certgen.Authority) crypto.Signer {
	t.Helper()
	data, err := ca.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	key, err := pemfile.Key(data)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestNoVerbReachesAKey(t *testing.T) {
	ca := authority(t, certgen.AuthorityConfig{Now: noon})
	issued := issue(t, ca, client(t))
	for name, made := range map[string]struct {
		key   func() ([]byte, error)
		value any
	}{"an authority": {ca.KeyPEM, ca}, "what was issued": {issued.KeyPEM, issued}} {
		key, err := made.key()
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(key)
		if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
			t.Fatalf("the key of %s is not one block of PKCS #8", name)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
			text := fmt.Sprintf(verb, made.value)
			logtest.Silent(t, text, block.Bytes)
			if len(text) > 40 {
				t.Errorf("%s prints %d bytes by %s", name, len(text), verb)
			}
		}
	}
}

func TestLifetimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "36h": 36 * time.Hour, "15m": 15 * time.Minute, "1d12h": 36 * time.Hour, "36500d": 36500 * 24 * time.Hour,
	} {
		got, err := certgen.ParseLifetime(text)
		if err != nil || got != want {
			t.Errorf("%s is read as %v, %v", text, got, err)
			continue
		}
		if again, err := certgen.ParseLifetime(certgen.FormatLifetime(got)); err != nil || again != got {
			t.Errorf("%s is written as %s, which is read as %v, %v", text, certgen.FormatLifetime(got), again, err)
		}
	}
	for _, text := range []string{"", "d", "0d", "0s", "-1d", "-1h", "90", "90 d", "1.5d", "1y", "36501d", "99999999999999999999d", "1d-48h"} {
		if got, err := certgen.ParseLifetime(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
