// Package howto_test runs the commands of the howtos as they stand, and holds
// what they make to what the pages promise of it.
package howto_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

const (
	making    = "certificates-with-openssl.md"
	replacing = "replacing-certificates.md"
)

// run runs the commands of a page, or of one section of it, in dir, and returns what
// they print. It uses the demo's own way of taking them out of the page. Where something
// is elsewhere in a test, replaced says so, as [strings.NewReplacer] takes it.
func run(t *testing.T, dir, page, heading string, replaced ...string) string {
	t.Helper()
	commands, err := exec.Command("bash", "-c", `source ../../examples/demo/commands.sh; commands_of "$1" "$2"`, "bash", page, heading).Output()
	if err != nil {
		t.Fatalf("%s has no commands under %q: %v", page, heading, err)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", strings.NewReplacer(replaced...).Replace(string(commands)))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("running the commands of %s %q: %v (is openssl installed?)\n%s", page, heading, err, out)
	}
	return string(out)
}

// files are the three files of one side, named as the pages name them.
func files(dir, side string) credentials.FileSet {
	source := func(name string) credentials.Source {
		return credentials.Source{Setting: name, Path: filepath.Join(dir, side, name)}
	}
	return credentials.FileSet{CA: source("ca.pem"), Cert: source(side + ".pem"), Key: source(side + "-key.pem")}
}

// load reads the files of one side as contour does, and takes a warning for a
// failure: a page must not make what contour warns of.
func load(t *testing.T, dir, side string, role credentials.Role) *credentials.Material {
	t.Helper()
	var log bytes.Buffer
	m, err := credentials.Load(files(dir, side), role, time.Now(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Fatalf("contour warns of what the page makes:\n%s", log.String())
	}
	return m
}

func TestMakingGivesEachSideWhatItNeedsAndNoMore(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, making, "")
	dir = filepath.Join(dir, "certificates")

	for side, role := range map[string]credentials.Role{"contour": credentials.Server, "envoy": credentials.Client} {
		load(t, dir, side, role)
		if err := onlyOwner(filepath.Join(dir, side)); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(filepath.Join(dir, side))
		if err != nil || len(entries) != 3 {
			t.Errorf("%s is handed %v, %v; it needs a bundle, a certificate and a key", side, entries, err)
		}
	}
	if err := onlyOwner(dir); err != nil {
		t.Error(err)
	}
	if _, err := credentials.Load(files(dir, "envoy"), credentials.Server, time.Now(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("Envoy's key pair is good for a server, and so for one that poses as contour")
	}
}

// onlyOwner fails for a file in dir that others than its owner may touch.
func onlyOwner(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s has mode %s", filepath.Join(dir, entry.Name()), info.Mode().Perm())
		}
	}
	return nil
}
