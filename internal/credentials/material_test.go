package credentials_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

func TestFormattingMaterialTellsOnlyItsFingerprint(t *testing.T) {
	f := newFixture(t, certtest.Server())
	m, err, _ := f.load(credentials.Server)
	if err != nil {
		t.Fatal(err)
	}
	key := f.pair.Key.(*ecdsa.PrivateKey)
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := "credentials " + m.Fingerprint()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, m); got != want {
			t.Errorf("%s: got something else than %q (%d bytes of it; a key has %d)", verb, want, len(got), len(raw))
		}
	}
}

func TestFingerprintTellsGenerationsApart(t *testing.T) {
	ca, other := certtest.NewCA(t, "root"), certtest.NewCA(t, "other")
	pair := ca.Intermediate(t, "intermediate").Issue(t, certtest.Server())
	material := func(chain, roots []*x509.Certificate) *credentials.Material {
		return credentials.NewMaterial(chain, pair.Key, roots, time.Now())
	}
	root := []*x509.Certificate{ca.Cert}
	base := material(pair.Chain, root)
	if again := material(pair.Chain, root); again.Fingerprint() != base.Fingerprint() {
		t.Error("the same certificates have two fingerprints")
	}
	rows := []struct {
		name string
		m    *credentials.Material
	}{
		{"a missing intermediate", material(pair.Chain[:1], root)},
		{"another root", material(pair.Chain, []*x509.Certificate{other.Cert})},
		{"a root more", material(pair.Chain, []*x509.Certificate{ca.Cert, other.Cert})},
		{"an intermediate that became a root", material(pair.Chain[:1], []*x509.Certificate{pair.Chain[1], ca.Cert})},
	}
	for _, row := range rows {
		if row.m.Fingerprint() == base.Fingerprint() {
			t.Errorf("%s goes unnoticed", row.name)
		}
	}
}
