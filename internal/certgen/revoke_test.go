package certgen_test

import (
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
)

func revoke(t *testing.T, folder *certgen.Folder, cfg certgen.RevokeConfig) []certgen.Revocation {
	t.Helper()
	revoked, change, err := folder.Revoke(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if change.Name != certgen.ListName || change.End.IsZero() {
		t.Errorf("got the change %+v", change)
	}
	return revoked
}

// lists are those of the folder at dir, as they are on disk.
func lists(t *testing.T, dir string) []*x509.RevocationList {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, certgen.ListName))
	if err != nil {
		t.Fatal(err)
	}
	all, err := pemfile.RevocationLists(data)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// opensslSays asks openssl about a certificate, by the bundle of contour and the lists of
// dir: good, revoked, or what else it says.
func opensslSays(t *testing.T, dir string, cert *x509.Certificate, now time.Time) string {
	t.Helper()
	out, ok := openssl(t, "verify", "-x509_strict", "-crl_check_all", "-attime", fmt.Sprint(now.Unix()),
		"-CAfile", filepath.Join(dir, "contour", "ca.pem"), "-CRLfile", filepath.Join(dir, certgen.ListName), written(t, certgen.EncodeCertificates(cert)))
	switch {
	case ok:
		return "good"
	case strings.Contains(out, "certificate revoked"):
		return "revoked"
	}
	return out
}

func want(t *testing.T, when string, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %s, want %s", when, got, want)
	}
}

func TestOpenSSLFindsRevokedWhatWasRevokedAndNothingElse(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			folder, c, dir := newFolder(t)
			if _, err := folder.MakeAuthority(certgen.AuthorityConfig{Key: kind}, true); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"contour", "envoy", "by-file", "by-serial", "other"} {
				if _, err := folder.Issue(name, client(t), true); err != nil {
					t.Fatal(err)
				}
			}
			of := func(name string) *x509.Certificate { return identity(t, folder, name).Chain[0] }
			revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}, Reason: 1})
			revoke(t, folder, certgen.RevokeConfig{Certificates: []*x509.Certificate{of("by-file")}, Serials: []*big.Int{of("by-serial").SerialNumber}, Reason: 4})
			for name, says := range map[string]string{"envoy": "revoked", "by-file": "revoked", "by-serial": "revoked", "other": "good", "contour": "good"} {
				want(t, name, opensslSays(t, dir, of(name), c.now), says)
			}
			list := lists(t, dir)[0]
			if list.Number.Int64() != 2 || list.RevokedCertificateEntries[0].ReasonCode != 1 || list.RevokedCertificateEntries[2].ReasonCode != 4 {
				t.Errorf("number %v, reasons %v", list.Number, list.RevokedCertificateEntries)
			}
			stolen := of("envoy")
			if _, err := folder.Renew(certgen.RenewConfig{Names: []string{"envoy"}}); err != nil {
				t.Fatal(err)
			}
			want(t, "the new one", opensslSays(t, dir, of("envoy"), c.now), "good")
			want(t, "the stolen one", opensslSays(t, dir, stolen, c.now), "revoked")
		})
	}
}

func TestAListIsPublicBackdatedAndEndsWhenAsked(t *testing.T) {
	folder, c, dir := newFolder(t)
	c.now = c.now.Add(48 * time.Hour) // when the CA is older than what is back-dated
	for _, row := range []struct{ asked, want time.Duration }{
		{0, certgen.DefaultListLifetime}, {time.Hour, time.Hour}, {0, time.Hour},
	} {
		revoke(t, folder, certgen.RevokeConfig{Lifetime: row.asked})
		list := lists(t, dir)[0]
		if got := list.NextUpdate.Sub(c.now); got != row.want || !list.ThisUpdate.Equal(c.now.Add(-certgen.Backdate)) {
			t.Errorf("asked for %s, got one from %s, for %s", row.asked, list.ThisUpdate, got)
		}
	}
	info, err := os.Stat(filepath.Join(dir, certgen.ListName))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

func TestRevokingTwiceListsOnce(t *testing.T) {
	folder, _, dir := newFolder(t)
	envoy := identity(t, folder, "envoy").Chain[0]
	all := certgen.RevokeConfig{Names: []string{"envoy"}, Certificates: []*x509.Certificate{envoy}, Serials: []*big.Int{envoy.SerialNumber}}
	for _, r := range revoke(t, folder, all) {
		if !r.Since.IsZero() {
			t.Errorf("at first: %+v", r)
		}
	}
	for _, r := range revoke(t, folder, all) {
		if r.Since.IsZero() {
			t.Errorf("again: %+v", r)
		}
	}
	if got := lists(t, dir)[0].RevokedCertificateEntries; len(got) != 1 {
		t.Errorf("%d entries", len(got))
	}
}

// TestARolloverKeepsAListOfEachCA revokes in the midst of it, by the old CA when it no
// longer signs leaves, and asks openssl after each step.
func TestARolloverKeepsAListOfEachCA(t *testing.T) {
	folder, c, dir := newFolder(t)
	put(t, folder, "stolen-later", client(t))
	first := map[string]*x509.Certificate{}
	for _, name := range []string{"envoy", "stolen-later", "contour"} {
		first[name] = identity(t, folder, name).Chain[0]
	}
	revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}})
	for step, count := range []int{2, 2, 1} {
		rotate(t, folder, step+1)
		if got := len(lists(t, dir)); got != count {
			t.Fatalf("after step %d there are %d lists", step+1, got)
		}
		for _, name := range []string{"contour", "stolen-later"} {
			want(t, fmt.Sprintf("step %d, %s of now", step+1, name), opensslSays(t, dir, identity(t, folder, name).Chain[0], c.now), "good")
		}
		if step == 2 {
			break
		}
		want(t, "what was revoked before", opensslSays(t, dir, first["envoy"], c.now), "revoked")
		want(t, "the old CA's contour", opensslSays(t, dir, first["contour"], c.now), "good")
		if step == 1 { // the old CA signs no leaves
			revoke(t, folder, certgen.RevokeConfig{Certificates: []*x509.Certificate{first["stolen-later"]}})
			want(t, "what was revoked by the old CA", opensslSays(t, dir, first["stolen-later"], c.now), "revoked")
		}
	}
	keys, err := filepath.Glob(filepath.Join(dir, "ca", "*key*"))
	if err != nil || len(keys) != 1 {
		t.Errorf("after the rollover there are the keys %v, %v", keys, err)
	}
	revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}})
	want(t, "of the new CA", opensslSays(t, dir, identity(t, folder, "envoy").Chain[0], c.now), "revoked")
}

// TestAStepThatLeftTheListsIsEnded puts the lists of before a step back, as a process
// does that is killed before it writes them.
func TestAStepThatLeftTheListsIsEnded(t *testing.T) {
	folder, _, dir := newFolder(t)
	revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}})
	path := filepath.Join(dir, certgen.ListName)
	for _, step := range []int{1, 2, 3} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rotate(t, folder, step)
		if step == 2 { // in which the lists stay as they are
			continue
		}
		certtest.WriteFile(t, path, before)
		if got := plan(t, folder).Unfinished; !slices.Equal(got, []string{certgen.ListName}) {
			t.Errorf("step %d: unfinished are %v", step, got)
		}
		rotate(t, folder, step)
		if got := plan(t, folder); len(got.Unfinished) > 0 || got.Step != step%3+1 {
			t.Errorf("then comes step %d, unfinished: %v", got.Step, got.Unfinished)
		}
	}
}

func TestRenewKeepsTheListsUp(t *testing.T) {
	folder, c, dir := newFolder(t)
	changed := func(cfg certgen.RenewConfig) bool {
		t.Helper()
		changes, err := folder.Renew(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(changes, func(c certgen.Change) bool { return c.Name == certgen.ListName })
	}
	if changed(certgen.RenewConfig{}) {
		t.Error("it makes lists that nobody asked for")
	}
	revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}, Lifetime: 30 * time.Hour})
	if changed(certgen.RenewConfig{DueOnly: true}) || changed(certgen.RenewConfig{Names: []string{"envoy"}}) {
		t.Error("it signs lists that are not due")
	}
	if !changed(certgen.RenewConfig{}) {
		t.Error("it leaves the lists when all is renewed")
	}
	c.now = c.now.Add(19 * time.Hour)
	if changed(certgen.RenewConfig{DueOnly: true}) {
		t.Error("it is early")
	}
	c.now = c.now.Add(2 * time.Hour)
	if !changed(certgen.RenewConfig{DueOnly: true}) {
		t.Error("it leaves lists that are due")
	}
	list := lists(t, dir)[0]
	if got := list.NextUpdate.Sub(c.now); got != 30*time.Hour || list.Number.Int64() != 3 || len(list.RevokedCertificateEntries) != 1 {
		t.Errorf("for %s, number %v, %d entries", got, list.Number, len(list.RevokedCertificateEntries))
	}
}

func TestANewCAHasAnEmptyList(t *testing.T) {
	folder, c, dir := newFolder(t)
	revoke(t, folder, certgen.RevokeConfig{Names: []string{"envoy"}})
	if _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Issue("contour", client(t), true); err != nil {
		t.Fatal(err)
	}
	want(t, "its leaf", opensslSays(t, dir, identity(t, folder, "contour").Chain[0], c.now), "good")
}

func TestRevokeRefuses(t *testing.T) {
	stranger := certtest.NewCA(t, "stranger").Issue(t, certtest.Client()).Chain[0]
	mute := certtest.NewRoot(t, "mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	rows := []struct {
		name  string
		spoil func(t *testing.T, folder *certgen.Folder, dir string)
		cfg   certgen.RevokeConfig
		says  string
	}{
		{"nobody", nil, certgen.RevokeConfig{Names: []string{"nobody"}}, `reading "nobody"`},
		{"another CA's certificate", nil, certgen.RevokeConfig{Certificates: []*x509.Certificate{stranger}}, "no CA of this folder issued the certificate"},
		{"lists that are broken", func(t *testing.T, _ *certgen.Folder, dir string) {
			certtest.WriteFile(t, filepath.Join(dir, certgen.ListName), []byte("x"))
		}, certgen.RevokeConfig{Names: []string{"envoy"}}, "bring it back from a contour that has it"},
		{"two lists of the CA", func(t *testing.T, folder *certgen.Folder, dir string) {
			revoke(t, folder, certgen.RevokeConfig{})
			path := filepath.Join(dir, certgen.ListName)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			certtest.WriteFile(t, path, append(data, data...))
		}, certgen.RevokeConfig{}, "leave the one with the higher number"},
		{"a CA that may not sign lists", func(t *testing.T, _ *certgen.Folder, dir string) {
			if err := files.WriteSet(filepath.Join(dir, "ca"), map[string][]byte{"ca.pem": mute.PEM(), "ca-key.pem": mute.KeyPEM(t)}, 0o600); err != nil {
				t.Fatal(err)
			}
		}, certgen.RevokeConfig{}, "may not sign revocation lists (key usage cRLSign, RFC 5280 section 4.2.1.3); replace it with contour certgen ca rotate"},
		{"no CA", func(t *testing.T, _ *certgen.Folder, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "ca")); err != nil {
				t.Fatal(err)
			}
		}, certgen.RevokeConfig{}, "it has no CA"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			folder, _, dir := newFolder(t)
			if row.spoil != nil {
				row.spoil(t, folder, dir)
			}
			path := filepath.Join(dir, certgen.ListName)
			before, _ := os.ReadFile(path)
			_, _, err := folder.Revoke(row.cfg)
			wantError(t, err, row.says)
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("it wrote lists all the same")
			}
		})
	}
	folder, _, _ := newFolder(t)
	ca := identity(t, folder, "envoy").Roots[0]
	_, _, err := folder.Revoke(certgen.RevokeConfig{Certificates: []*x509.Certificate{ca}})
	wantError(t, err, "it is the CA's own certificate")
}

// TestAnOldCAWhoseKeyIsGoneIsTold makes the first lists between the second step and the
// third.
func TestAnOldCAWhoseKeyIsGoneIsTold(t *testing.T) {
	folder, c, dir := newFolder(t)
	old := identity(t, folder, "envoy").Chain[0]
	rotate(t, folder, certgen.StepBundles)
	rotate(t, folder, certgen.StepLeaves)
	_, _, err := folder.Revoke(certgen.RevokeConfig{Certificates: []*x509.Certificate{old}})
	wantError(t, err, "go on to the last step of contour certgen ca rotate")
	_, change, err := folder.Revoke(certgen.RevokeConfig{Names: []string{"envoy"}})
	if err != nil || !strings.Contains(change.Note, "it has no list of the CA") {
		t.Errorf("got %+v, %v", change, err)
	}
	want(t, "the new one", opensslSays(t, dir, identity(t, folder, "envoy").Chain[0], c.now), "revoked")
	rotate(t, folder, certgen.StepRetire)
	if got := plan(t, folder); len(got.Unfinished) > 0 {
		t.Errorf("unfinished: %v", got.Unfinished)
	}
}

func TestSerialsAndReasonsAreReadAsTheyArePrinted(t *testing.T) {
	for text, digits := range map[string]string{"5C1F": "5C1F", "5c:1f": "5C1F", "0x5c1f": "5C1F"} {
		if got, err := certgen.ParseSerial(text); err != nil || certgen.FormatSerial(got) != digits {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "serial=1", "xyz", strings.Repeat("F", 41)} {
		if got, err := certgen.ParseSerial(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
	for _, name := range certgen.ReasonNames() {
		if _, err := certgen.ParseReason(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := certgen.ParseReason("certificateHold"); err == nil {
		t.Error("a hold is taken, which nobody can end")
	}
}
