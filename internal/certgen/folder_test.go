package certgen_test

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/files"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// newFolder makes a folder with a CA, a server and a client.
func newFolder(t *testing.T) (*certgen.Folder, *clock, string) {
	t.Helper()
	dir, c := filepath.Join(t.TempDir(), "certificates"), &clock{noon}
	folder, err := certgen.MakeFolder(dir, c.read)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	if _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, false); err != nil {
		t.Fatal(err)
	}
	put(t, folder, "contour", certgen.Leaf{Usage: certgen.ServerAuth, Names: names(t, "DNS:contour", "IP:127.0.0.1"), Lifetime: 90 * 24 * time.Hour})
	put(t, folder, "envoy", certgen.Leaf{Usage: certgen.ClientAuth, Names: names(t, "DNS:envoy", "URI:spiffe://example.org/envoy"), Lifetime: time.Hour, Key: certgen.Ed25519})
	return folder, c, dir
}

func put(t *testing.T, folder *certgen.Folder, name string, leaf certgen.Leaf) {
	t.Helper()
	if _, err := folder.Issue(name, leaf, false); err != nil {
		t.Fatal(err)
	}
}

func identity(t *testing.T, folder *certgen.Folder, name string) *certgen.Identity {
	t.Helper()
	i, err := folder.Identity(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// verify holds an identity to its own bundle, at a time.
func verify(t *testing.T, leaf, trusting *certgen.Identity, now time.Time) error {
	t.Helper()
	pool := x509.NewCertPool()
	for _, root := range trusting.Roots {
		pool.AddCert(root)
	}
	_, err := leaf.Chain[0].Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

func TestEachFolderHasWhatItsSideNeedsAndNoMore(t *testing.T) {
	folder, c, dir := newFolder(t)
	for _, name := range []string{"contour", "envoy"} {
		i := identity(t, folder, name)
		if err := verify(t, i, i, c.now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var visible []string
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name()[0] != '.' {
				visible = append(visible, entry.Name())
			}
		}
		if want := []string{"ca.pem", name + "-key.pem", name + ".pem"}; !slices.Equal(visible, want) {
			t.Errorf("%s has %q, want %q", name, visible, want)
		}
	}
	wantClosed(t, dir)
}

// wantClosed looks for what others than the owner may read.
func wantClosed(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNothingIsOverwrittenUnlessTold(t *testing.T) {
	folder, _, _ := newFolder(t)
	before := identity(t, folder, "envoy").Chain[0]
	_, err := folder.Issue("envoy", client(t), false)
	wantError(t, err, "is there already")
	_, err = folder.MakeAuthority(certgen.AuthorityConfig{}, false)
	wantError(t, err, "is there already")
	if !identity(t, folder, "envoy").Chain[0].Equal(before) {
		t.Error("it was overwritten")
	}
	if _, err := folder.Issue("envoy", client(t), true); err != nil {
		t.Fatal(err)
	}
	if identity(t, folder, "envoy").Chain[0].Equal(before) {
		t.Error("it was not overwritten although told")
	}
}

func TestRenewKeepsAllButKeySerialAndDates(t *testing.T) {
	folder, c, _ := newFolder(t)
	before := map[string]*x509.Certificate{}
	for _, name := range []string{"contour", "envoy"} {
		before[name] = identity(t, folder, name).Chain[0]
	}
	c.now = c.now.Add(30 * 24 * time.Hour)
	changes, err := folder.Renew(certgen.RenewConfig{})
	if err != nil || len(changes) != 2 {
		t.Fatalf("got %v, %v", changes, err)
	}
	for name, old := range before {
		i := identity(t, folder, name)
		renewed := i.Chain[0]
		if err := verify(t, i, i, c.now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(renewed.DNSNames, old.DNSNames) || len(renewed.IPAddresses) != len(old.IPAddresses) || len(renewed.URIs) != len(old.URIs) ||
			!slices.Equal(renewed.ExtKeyUsage, old.ExtKeyUsage) || renewed.PublicKeyAlgorithm != old.PublicKeyAlgorithm ||
			renewed.Subject.String() != old.Subject.String() {
			t.Errorf("%s: it was %v and became %v", name, old, renewed)
		}
		if renewed.SerialNumber.Cmp(old.SerialNumber) == 0 || string(renewed.RawSubjectPublicKeyInfo) == string(old.RawSubjectPublicKeyInfo) {
			t.Errorf("%s has its old serial number or key", name)
		}
		if renewed.NotAfter.Sub(renewed.NotBefore) != old.NotAfter.Sub(old.NotBefore) || !renewed.NotAfter.Equal(old.NotAfter.Add(30*24*time.Hour)) {
			t.Errorf("%s lived until %v, and lives until %v", name, old.NotAfter, renewed.NotAfter)
		}
	}
}

func TestRenewOfTheDueAloneLeavesTheOthers(t *testing.T) {
	folder, c, _ := newFolder(t)
	c.now = c.now.Add(50 * time.Minute) // envoy lives for an hour, contour for 90 days
	changes, err := folder.Renew(certgen.RenewConfig{DueOnly: true})
	if err != nil || len(changes) != 1 || changes[0].Name != "envoy" {
		t.Errorf("got %v, %v; want envoy alone", changes, err)
	}
}

// TestAShortLifeIsCountedFromItsMaking has a leaf that begins an hour before it is made,
// which is more than it lives.
func TestAShortLifeIsCountedFromItsMaking(t *testing.T) {
	folder, c, _ := newFolder(t)
	leaf := client(t)
	leaf.Lifetime = 15 * time.Minute
	put(t, folder, "short", leaf)
	for after, want := range map[time.Duration]bool{0: false, 9 * time.Minute: false, 11 * time.Minute: true} {
		if got := identity(t, folder, "short").Due(c.now.Add(after)); got != want {
			t.Errorf("after %v of 15 minutes it is due: %v", after, got)
		}
	}
}

func TestRenewNearTheEndOfItsCASaysThatTheLeafIsShortened(t *testing.T) {
	folder, c, _ := newFolder(t)
	c.now = c.now.Add(certgen.DefaultAuthorityLifetime - 30*24*time.Hour)
	changes, err := folder.Renew(certgen.RenewConfig{Names: []string{"contour"}})
	if err != nil || len(changes) != 1 || changes[0].Note == "" {
		t.Fatalf("got %v, %v; want a note", changes, err)
	}
	c.now = c.now.Add(31 * 24 * time.Hour)
	_, err = folder.Renew(certgen.RenewConfig{})
	wantError(t, err, "its CA expired")
}

func TestRenewGoesOnWhenOneFails(t *testing.T) {
	folder, _, dir := newFolder(t)
	if err := os.MkdirAll(filepath.Join(dir, "broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := identity(t, folder, "envoy").Chain[0]
	_, err := folder.Renew(certgen.RenewConfig{Names: []string{"broken", "envoy"}})
	wantError(t, err, `"broken"`)
	if _, err := folder.Renew(certgen.RenewConfig{}); err != nil {
		t.Errorf("a folder of somebody else's is in the way: %v", err)
	}
	if identity(t, folder, "envoy").Chain[0].Equal(before) {
		t.Error("envoy was not renewed")
	}
}

func TestAFolderIsForOneProcessAtATime(t *testing.T) {
	_, _, dir := newFolder(t)
	if _, err := certgen.OpenFolder(dir, nil); !errors.Is(err, files.ErrLocked) {
		t.Errorf("got %v, want %v", err, files.ErrLocked)
	}
}

// TestAFolderLeavesOneThatCameInItsPlace asks for each thing that writes, and for one that
// reads, with a copy in its place that would take them.
func TestAFolderLeavesOneThatCameInItsPlace(t *testing.T) {
	folder, _, dir := newFolder(t)
	aside := filepath.Join(t.TempDir(), "aside")
	if err := errors.Join(os.Rename(dir, aside), os.CopyFS(dir, os.DirFS(aside))); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"make":  func() error { _, err := folder.MakeAuthority(certgen.AuthorityConfig{}, true); return err },
		"issue": func() error { _, err := folder.Issue("envoy-edge", client(t), false); return err },
		"renew": func() error { _, err := folder.Renew(certgen.RenewConfig{}); return err },
		"read":  func() error { _, err := folder.Identity("envoy"); return err },
	} {
		if err := do(); !errors.Is(err, files.ErrMoved) {
			t.Errorf("%s: got %v, want %v", name, err, files.ErrMoved)
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(aside, dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Renew(certgen.RenewConfig{}); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestAFolderWithoutItsCACanNotSign(t *testing.T) {
	folder, _, dir := newFolder(t)
	if err := os.Rename(filepath.Join(dir, "ca"), filepath.Join(t.TempDir(), "safe")); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Renew(certgen.RenewConfig{}); !errors.Is(err, certgen.ErrNoAuthority) {
		t.Errorf("got %v, want %v", err, certgen.ErrNoAuthority)
	}
}

func TestNamesOfIdentities(t *testing.T) {
	folder, _, _ := newFolder(t)
	for _, name := range []string{"", "ca", "Envoy", "../x", "a/b", ".hidden", "-x", "a.b", "a_b"} {
		if _, err := folder.Issue(name, client(t), false); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}
