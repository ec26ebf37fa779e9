package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/contour-xds/contour/internal/certtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"contour": main})
}

// TestScripts runs the command line as a user would. Each script finds good
// credentials in certs/server and certs/client, and spoiled ones beside them.
func TestScripts(t *testing.T) {
	made := t.TempDir()
	makeCredentials(t, made)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Condition: func(name string) (bool, error) {
			if name == "root" { // who can give files away
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no condition is called %q", name)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PEM", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
			certs := filepath.Join(env.WorkDir, "certs")
			if err := os.CopyFS(certs, os.DirFS(made)); err != nil {
				return err
			}
			return closeKeys(certs)
		},
	})
}

func makeCredentials(t *testing.T, dir string) {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	expired := certtest.Server()
	expired.NotAfter = time.Now().Add(-time.Minute)
	for name, leaf := range map[string]certtest.Leaf{
		"server": certtest.Server(), "client": certtest.Client(), "expired": expired,
	} {
		sub := filepath.Join(dir, name)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		certtest.WriteFiles(t, sub, ca, ca.Issue(t, leaf))
	}
}

// closeKeys takes from others the right to read, which a copy gives them.
func closeKeys(dir string) error {
	keys, err := filepath.Glob(filepath.Join(dir, "*", "tls.key"))
	for _, key := range keys {
		err = errors.Join(err, os.Chmod(key, 0o600))
	}
	return err
}
