package howto_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/credentials"
	contourtest "github.com/contour-xds/contour/test/contour"
)

const generating = "certificates-with-certgen.md"

func TestMain(m *testing.M) { os.Exit(contourtest.RunTests(m)) }

// withContour puts contour on the path, and a kubectl that takes what it is piped.
// A rollover does not wait for files to arrive.
func withContour(t *testing.T) {
	t.Helper()
	programs := t.TempDir()
	if err := os.WriteFile(filepath.Join(programs, "kubectl"), []byte("#!/bin/sh\nexec grep -q 'kind: Secret'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+":"+filepath.Dir(contourtest.Binary(t))+":"+os.Getenv("PATH"))
	t.Setenv("CONTOUR_CERTGEN_WAIT", "0s")
}

// TestGeneratingGivesEachSideWhatItNeeds runs the whole page.
func TestGeneratingGivesEachSideWhatItNeeds(t *testing.T) {
	withContour(t)
	dir := t.TempDir()
	run(t, dir, generating, "")
	for side, role := range map[string]credentials.Role{"contour": credentials.Server, "envoy": credentials.Client} {
		load(t, filepath.Join(dir, "certificates"), side, role)
		handed := filepath.Join(dir, "for-"+side)
		entries, err := os.ReadDir(handed)
		if err != nil || len(entries) != 3 {
			t.Errorf("%s is handed %v, %v; it needs a bundle, a certificate and a key", side, entries, err)
		}
		if err := onlyOwner(handed); err != nil {
			t.Error(err)
		}
	}
}

// TestRotatingKeepsTheChannelUp goes through renewing and two rollovers with the
// commands of the page. Within a step, whichever process restarts first, it meets a
// peer of the step before.
func TestRotatingKeepsTheChannelUp(t *testing.T) {
	withContour(t)
	dir := t.TempDir()
	for _, heading := range []string{"## Make them", "## Put them where they belong", "## Further ones"} {
		run(t, dir, generating, heading)
	}
	folder := filepath.Join(dir, "certificates")
	first := start(t, folder)
	before := first
	rollover := []string{"### Step 1: the new CA into every bundle", "### Step 2: new certificates", "### Step 3: the old CA out"}
	for _, step := range append(append([]string{"## Renew them"}, rollover...), rollover...) {
		run(t, dir, generating, step)
		after := start(t, folder)
		for name, pair := range map[string][2]*tls.Config{
			"both are restarted":       {after.contour, after.envoy},
			"contour is restarted":     {after.contour, before.envoy},
			"Envoy is restarted":       {before.contour, after.envoy},
			"neither is restarted yet": {before.contour, before.envoy},
		} {
			if err := connect(t, pair[0], pair[1]); err != nil {
				t.Errorf("%s: when %s: %v", step, name, err)
			}
		}
		before = after
	}
	if connect(t, before.contour, first.envoy) == nil {
		t.Error("the first CA is trusted after two rollovers, so that this test can't fail")
	}
}

// TestCertgenGoesOnFromWhatOpenSSLMade moves the two files that the page names.
func TestCertgenGoesOnFromWhatOpenSSLMade(t *testing.T) {
	withContour(t)
	dir := t.TempDir()
	run(t, dir, making, "")
	folder := filepath.Join(dir, "certificates")
	before := start(t, folder)
	if err := os.Mkdir(filepath.Join(folder, "ca"), 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"ca.pem": "ca.pem", "ca.key": "ca-key.pem"} {
		if err := os.Rename(filepath.Join(folder, from), filepath.Join(folder, "ca", to)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []string{"### Step 1: the new CA into every bundle", "### Step 2: new certificates", "### Step 3: the old CA out"} {
		run(t, dir, generating, step)
		after := start(t, folder)
		if err := connect(t, after.contour, before.envoy); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		before = after
	}
}
