package howto_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/pemfile"
	"github.com/contour-xds/contour/internal/revocation"
)

const revoking = "revocation.md"

// revoked tells whether the lists of a file revoke a certificate of the CA's. What is not
// known fails the test.
func revoked(t *testing.T, list string, cert, ca *x509.Certificate) bool {
	t.Helper()
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := revocation.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	err = lists.Check([][]*x509.Certificate{{cert, ca}}, time.Now())
	if is := new(revocation.Revoked); err != nil && !errors.As(err, &is) {
		t.Fatal(err)
	}
	return err != nil
}

// TestTheRunbookRevokesByCertgen takes its steps, and gives the Envoy its new
// certificate.
func TestTheRunbookRevokesByCertgen(t *testing.T) {
	withContour(t)
	dir := t.TempDir()
	run(t, dir, generating, "## Make them")
	folder := filepath.Join(dir, "certificates")
	list := filepath.Join(folder, certgen.ListName)
	stolen := load(t, folder, "envoy", credentials.Client)
	contour, ca := load(t, folder, "contour", credentials.Server).Chain()[0], stolen.Roots()[0]

	run(t, dir, revoking, "### An empty list by certgen")
	if revoked(t, list, stolen.Chain()[0], ca) {
		t.Error("the list is not empty")
	}
	run(t, dir, revoking, "### By certgen")
	run(t, dir, revoking, "## 3. See that it is out")
	if !revoked(t, list, stolen.Chain()[0], ca) || revoked(t, list, contour, ca) {
		t.Error("the list has not the stolen certificate, or others")
	}
	run(t, dir, revoking, "### A new one by certgen")
	if revoked(t, list, load(t, folder, "envoy", credentials.Client).Chain()[0], ca) {
		t.Error("the new certificate is revoked")
	}
}

// TestTheRunbookRevokesByOpenSSL does so with the CA of the openssl howto.
func TestTheRunbookRevokesByOpenSSL(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, making, "")
	dir = filepath.Join(dir, "certificates")
	list := filepath.Join(dir, "crl.pem")
	cert := func(name string) *x509.Certificate {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		certs, err := pemfile.Certificates(data)
		if err != nil {
			t.Fatal(err)
		}
		return certs[0]
	}
	run(t, dir, revoking, "### An empty list by openssl")
	if revoked(t, list, cert("envoy.pem"), cert("ca.pem")) {
		t.Error("the list is not empty")
	}
	run(t, dir, revoking, "### By openssl")
	if !revoked(t, list, cert("envoy.pem"), cert("ca.pem")) || revoked(t, list, cert("contour.pem"), cert("ca.pem")) {
		t.Error("the list has not the stolen certificate, or others")
	}
	out, err := exec.Command("openssl", "verify", "-crl_check_all", "-CAfile", filepath.Join(dir, "ca.pem"), "-CRLfile", list, filepath.Join(dir, "envoy.pem")).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("certificate revoked")) {
		t.Errorf("openssl says %s", out)
	}
}
