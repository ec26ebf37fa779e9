package certgen_test

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
)

func plan(t *testing.T, folder *certgen.Folder) *certgen.Rollover {
	t.Helper()
	p, err := folder.Rollover()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rotate makes the next step, and holds it to be the one that is expected.
func rotate(t *testing.T, folder *certgen.Folder, step int) {
	t.Helper()
	p := plan(t, folder)
	if p.Step != step {
		t.Fatalf("the next step is %d, want %d (unfinished: %v)", p.Step, step, p.Unfinished)
	}
	if _, err := folder.Rotate(p, certgen.AuthorityConfig{}); err != nil {
		t.Fatal(err)
	}
}

// sides are what both sides hold that were started at one moment.
type sides struct{ contour, envoy *certgen.Identity }

func sidesOf(t *testing.T, folder *certgen.Folder) sides {
	t.Helper()
	return sides{identity(t, folder, "contour"), identity(t, folder, "envoy")}
}

// wantTrust fails unless each side takes the other.
func wantTrust(t *testing.T, when string, a, b *certgen.Identity, now time.Time) {
	t.Helper()
	if err := verify(t, a, b, now); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if err := verify(t, b, a, now); err != nil {
		t.Errorf("%s: %v", when, err)
	}
}

// TestARolloverKeepsBothSidesInTrust goes around twice. Within a step, whichever
// side has its files first, it meets one of the step before.
func TestARolloverKeepsBothSidesInTrust(t *testing.T) {
	folder, c, _ := newFolder(t)
	first := sidesOf(t, folder)
	before := first
	for i := range 6 {
		step := i%3 + 1
		rotate(t, folder, step)
		after := sidesOf(t, folder)
		for name, pair := range map[string]sides{
			"both have it": after, "contour has it": {after.contour, before.envoy}, "Envoy has it": {before.contour, after.envoy},
		} {
			wantTrust(t, fmt.Sprintf("step %d, when %s", step, name), pair.contour, pair.envoy, c.now)
		}
		before = after
	}
	if verify(t, first.envoy, before.contour, c.now) == nil || verify(t, before.contour, first.envoy, c.now) == nil {
		t.Error("the old CA is trusted after the rollover, so that this test can't fail")
	}
	if len(before.contour.Roots) != 1 {
		t.Errorf("the bundle has %d CAs after the rollover", len(before.contour.Roots))
	}
}

// TestAStepCutShortIsEndedBeforeTheNext puts a folder together as a process leaves
// it that was killed between the folders that it writes, of which each is whole:
// the CA's first, and then each identity's.
func TestAStepCutShortIsEndedBeforeTheNext(t *testing.T) {
	order := []string{"ca", "contour", "envoy"}
	for step := 1; step <= 3; step++ {
		for written := 1; written < len(order); written++ {
			t.Run(fmt.Sprintf("step %d after %d folders", step, written), func(t *testing.T) {
				folder, c, dir := newFolder(t)
				for done := 1; done < step; done++ {
					rotate(t, folder, done)
				}
				old := t.TempDir()
				for _, name := range order[written:] {
					copyFolder(t, filepath.Join(dir, name), filepath.Join(old, name))
				}
				rotate(t, folder, step)
				for _, name := range order[written:] {
					if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
					copyFolder(t, filepath.Join(old, name), filepath.Join(dir, name))
				}
				s := sidesOf(t, folder)
				wantTrust(t, "cut short", s.contour, s.envoy, c.now)

				if got := plan(t, folder).Unfinished; !slices.Equal(got, order[written:]) {
					t.Fatalf("unfinished are %v, want %v", got, order[written:])
				}
				c.now = c.now.Add(time.Minute)
				rotate(t, folder, step)
				p := plan(t, folder)
				if len(p.Unfinished) > 0 || p.Step != step%3+1 {
					t.Fatalf("then comes step %d, unfinished: %v", p.Step, p.Unfinished)
				}
				if step < 3 && !p.Since.Equal(c.now) {
					t.Errorf("the step counts from %v, want its end at %v", p.Since, c.now)
				}
				s = sidesOf(t, folder)
				wantTrust(t, "ended", s.contour, s.envoy, c.now)
			})
		}
	}
}

// copyFolder copies with symbolic links as they are.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestDuringARolloverALeafIsOfTheCAThatSignsAndTrustsBoth(t *testing.T) {
	folder, c, _ := newFolder(t)
	rotate(t, folder, certgen.StepBundles)
	put(t, folder, "late", client(t))
	if got := plan(t, folder).Unfinished; len(got) > 0 {
		t.Errorf("a leaf of the moment counts as unfinished: %v", got)
	}
	old := plan(t, folder).Old
	late := identity(t, folder, "late")
	if err := late.Chain[0].CheckSignatureFrom(old); err != nil || len(late.Roots) != 2 || !late.Roots[1].Equal(old) {
		t.Errorf("after step 1: %v, %d roots, of which the new one is to be the first", err, len(late.Roots))
	}
	rotate(t, folder, certgen.StepLeaves)
	if _, err := folder.Renew(certgen.RenewConfig{Names: []string{"late"}}); err != nil {
		t.Fatal(err)
	}
	late = identity(t, folder, "late")
	if late.Chain[0].CheckSignatureFrom(old) == nil || len(late.Roots) != 2 || !late.Roots[1].Equal(old) {
		t.Errorf("after step 2 it is of the old CA, or has %d roots, of which the old one is to be the last", len(late.Roots))
	}
	wantTrust(t, "after step 2", late, identity(t, folder, "contour"), c.now)
}

func TestTheOldKeyIsGoneOnceItSignsNoMore(t *testing.T) {
	folder, _, dir := newFolder(t)
	key, err := os.ReadFile(filepath.Join(dir, "ca", "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	rotate(t, folder, certgen.StepBundles)
	rotate(t, folder, certgen.StepLeaves)
	for _, path := range filesBelow(t, dir) {
		if data, err := os.ReadFile(path); err != nil || string(data) == string(key) {
			t.Errorf("%s: it is the old CA's key, or %v", path, err)
		}
	}
}

// filesBelow lists the ordinary files of a folder and of those in it.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "..2*", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %v, %v", paths, err)
	}
	return paths
}

// TestStepTwoBeginsOnlyWhereItCanEnd has a leaf of the folder's own CA whose key is
// of a kind that certgen does not make.
func TestStepTwoBeginsOnlyWhereItCanEnd(t *testing.T) {
	folder, _, dir := newFolder(t)
	data, err := os.ReadFile(filepath.Join(dir, "ca", "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	caKey, err := pemfile.Key(data)
	if err != nil {
		t.Fatal(err)
	}
	ca, key, template := identity(t, folder, "envoy").Roots[0], certtest.NewKey(t, certtest.P384), *identity(t, folder, "envoy").Chain[0]
	der, err := x509.CreateCertificate(rand.Reader, &template, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pair := certtest.Pair{Chain: []*x509.Certificate{cert}, Key: key}
	if err := files.WriteSet(filepath.Join(dir, "envoy"), map[string][]byte{
		"ca.pem": certgen.EncodeCertificates(ca), "envoy.pem": pair.CertPEM(), "envoy-key.pem": pair.KeyPEM(t),
	}, 0o600); err != nil {
		t.Fatal(err)
	}
	rotate(t, folder, certgen.StepBundles)
	_, err = folder.Rotate(plan(t, folder), certgen.AuthorityConfig{})
	wantError(t, err, "issue it anew with contour certgen client --overwrite")
	if p := plan(t, folder); p.Step != certgen.StepLeaves || len(p.Unfinished) > 0 {
		t.Errorf("it began all the same: step %d, unfinished %v", p.Step, p.Unfinished)
	}
}

// TestANewCAThatHasEndedIsReplacedBeforeItSigns goes by the clock from step 1 on, with
// leaves that live for an hour at most and a new CA that lives for two.
func TestANewCAThatHasEndedIsReplacedBeforeItSigns(t *testing.T) {
	for after, want := range map[time.Duration]int{
		time.Hour: certgen.StepLeaves, 90 * time.Minute: certgen.StepBundles, 3 * time.Hour: certgen.StepBundles,
	} {
		t.Run(after.String(), func(t *testing.T) {
			folder, c, _ := newFolder(t)
			shortLived(t, folder)
			if _, err := folder.Rotate(plan(t, folder), certgen.AuthorityConfig{Lifetime: 2 * time.Hour}); err != nil {
				t.Fatal(err)
			}
			first := sidesOf(t, folder)
			early := plan(t, folder)
			c.now = c.now.Add(after)
			if want == certgen.StepBundles {
				_, err := folder.Rotate(early, certgen.AuthorityConfig{})
				wantError(t, err, "run contour certgen ca rotate again")
			}
			if got := plan(t, folder).New; (got == nil) != (want == certgen.StepBundles) {
				t.Errorf("the plan has a new CA: %v", got != nil)
			}
			for step := want; step <= certgen.StepRetire; step++ {
				rotate(t, folder, step)
				s := sidesOf(t, folder)
				if step == want && want == certgen.StepBundles {
					wantBundle(t, s.envoy, first.envoy.Roots[0])
				}
			}
			s := sidesOf(t, folder)
			wantTrust(t, "in the end", s.contour, s.envoy, c.now)
		})
	}
}

// shortLived gives contour a leaf that lives for an hour, as Envoy has.
func shortLived(t *testing.T, folder *certgen.Folder) {
	t.Helper()
	leaf := certgen.Leaf{Usage: certgen.ServerAuth, Names: names(t, "DNS:contour"), Lifetime: time.Hour}
	if _, err := folder.Issue("contour", leaf, true); err != nil {
		t.Fatal(err)
	}
}

// wantBundle fails unless there are two CAs, and none of them is the one that is gone.
func wantBundle(t *testing.T, i *certgen.Identity, gone *x509.Certificate) {
	t.Helper()
	if len(i.Roots) != 2 || slices.ContainsFunc(i.Roots, gone.Equal) {
		t.Errorf("the bundle has %d CAs, or the one that was replaced", len(i.Roots))
	}
}

func TestStepTwoNeedsACAThatCanSign(t *testing.T) {
	folder, c, _ := newFolder(t)
	rotate(t, folder, certgen.StepBundles)
	old := plan(t, folder).Old
	c.now = c.now.Add(-2 * time.Hour) // before the new CA's start
	_, err := folder.Rotate(plan(t, folder), certgen.AuthorityConfig{})
	wantError(t, err, "check this machine's clock")
	if p := plan(t, folder); !p.Old.Equal(old) || p.Step != certgen.StepLeaves || len(p.Unfinished) > 0 {
		t.Errorf("it began all the same: step %d, unfinished %v", p.Step, p.Unfinished)
	}
}

func TestANewCALivesAsLongAsItsLeavesAtLeast(t *testing.T) {
	folder, _, _ := newFolder(t)
	_, err := folder.Rotate(plan(t, folder), certgen.AuthorityConfig{Lifetime: 89 * 24 * time.Hour})
	wantError(t, err, "--ca-lifetime 89d is shorter than the lifetime 90d")
	if p := plan(t, folder); p.Step != certgen.StepBundles || len(p.Unfinished) > 0 {
		t.Errorf("it began all the same: step %d, unfinished %v", p.Step, p.Unfinished)
	}
}

// TestALeafThatWasCutShortIsSoNoLongerUnderANewCA begins three days before the CA's end.
func TestALeafThatWasCutShortIsSoNoLongerUnderANewCA(t *testing.T) {
	folder, c, _ := newFolder(t)
	c.now = c.now.Add(certgen.DefaultAuthorityLifetime - 3*24*time.Hour)
	if _, err := folder.Renew(certgen.RenewConfig{}); err != nil {
		t.Fatal(err)
	}
	rotate(t, folder, certgen.StepBundles)
	changes, err := folder.Rotate(plan(t, folder), certgen.AuthorityConfig{})
	if err != nil {
		t.Fatal(err)
	}
	noted := map[string]bool{}
	for _, change := range changes {
		noted[change.Name] = change.Note != ""
	}
	if !noted["contour"] || noted["envoy"] {
		t.Errorf("noted are %v, want contour alone", noted)
	}
	for name, want := range map[string]time.Duration{"contour": certgen.DefaultLifetime, "envoy": time.Hour} {
		if got := identity(t, folder, name).Chain[0].NotAfter; !got.Equal(c.now.Add(want)) {
			t.Errorf("%s ends at %v, want %v from now", name, got, want)
		}
	}
}
