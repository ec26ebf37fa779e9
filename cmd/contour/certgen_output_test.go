package main

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certgen"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestAFailureAfterTheChangeSaysHowToGetTheSecrets has standard output fail, once the
// certificate is issued.
func TestAFailureAfterTheChangeSaysHowToGetTheSecrets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	folder, err := certgen.MakeFolder(dir, nil)
	if err == nil {
		_, err = folder.MakeAuthority(certgen.AuthorityConfig{}, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	closeAll(folder)
	names, err := certgen.ParseNames([]string{"DNS:envoy"})
	if err != nil {
		t.Fatal(err)
	}
	r := report{dir: dir, out: fullDisk{}, errOut: io.Discard, output: outputConfig{Format: formatKubernetes, SecretName: "NAME", Namespace: "contour"}}
	err = issue(certgen.Leaf{Usage: certgen.ClientAuth, Names: names}, "envoy", false, r)
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "contour certgen secrets "+dir) {
		t.Errorf("got %v, want an error that names contour certgen secrets", err)
	}
}
