package revocation_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/revocation"
)

// openssl runs the tool, and returns what it prints and whether it was content.
func openssl(t *testing.T, args ...string) (printed string, ok bool) {
	t.Helper()
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running openssl: %v", err)
	}
	return string(out), err == nil
}

// file writes data into a folder of the test.
func file(t *testing.T, data ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	certtest.WriteFile(t, path, bytes.Join(data, nil))
	return path
}

// A maker signs revocation lists.
type maker func(t *testing.T, ca *certtest.CA, list certtest.List) []byte

func byGo(t *testing.T, ca *certtest.CA, list certtest.List) []byte {
	t.Helper()
	return ca.RevocationList(t, list)
}

const opensslConfig = `[ca]
default_ca = of_the_test
[of_the_test]
database = %[1]s/index
crlnumber = %[1]s/number
default_md = sha256
default_crl_days = 1
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
`

// byOpenSSL revokes and signs as an operator does who has no other tool.
func byOpenSSL(t *testing.T, ca *certtest.CA, list certtest.List) []byte {
	t.Helper()
	dir := t.TempDir()
	path := func(name, content string) string {
		p := filepath.Join(dir, name)
		certtest.WriteFile(t, p, []byte(content))
		return p
	}
	path("index", "")
	path("number", "01\n")
	base := []string{
		"ca", "-config", path("openssl.cnf", fmt.Sprintf(opensslConfig, dir)),
		"-cert", path("ca.pem", string(ca.PEM())), "-keyfile", path("ca.key", string(ca.KeyPEM(t))),
	}
	run := func(args ...string) {
		if out, ok := openssl(t, append(append([]string(nil), base...), args...)...); !ok {
			t.Fatal(out)
		}
	}
	for _, cert := range list.Revoked {
		run("-revoke", path("revoked.pem", string(certtest.EncodeCertificates(cert))), "-crl_reason", "keyCompromise")
	}
	args := []string{"-gencrl", "-out", filepath.Join(dir, "crl.pem")}
	if !list.ThisUpdate.IsZero() {
		const format = "20060102150405Z"
		args = append(args, "-crl_lastupdate", list.ThisUpdate.UTC().Format(format), "-crl_nextupdate", list.NextUpdate.UTC().Format(format))
	}
	run(args...)
	data, err := os.ReadFile(filepath.Join(dir, "crl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// opensslSays is what openssl verify says of a chain under one root: good, revoked or
// unknown. It stops where something is unknown, so that it is asked of each certificate
// by itself, and one that it knows to be revoked outweighs what it does not know.
func opensslSays(t *testing.T, root *certtest.CA, pair *certtest.Pair, lists []byte) string {
	t.Helper()
	args := []string{"verify", "-crl_check_all", "-CAfile", file(t, root.PEM()), "-untrusted", file(t, certtest.EncodeCertificates(pair.Chain...))}
	if len(lists) > 0 {
		args = append(args, "-CRLfile", file(t, lists))
	}
	says := "good"
	for _, cert := range pair.Chain {
		out, ok := openssl(t, append(append([]string(nil), args...), file(t, certtest.EncodeCertificates(cert)))...)
		switch {
		case strings.Contains(out, "certificate revoked"):
			return "revoked"
		case ok:
		case strings.Contains(strings.ToUpper(out), "CRL"):
			says = "unknown"
		default:
			t.Fatalf("openssl stumbles over something else: %s", out)
		}
	}
	return says
}

// inAWord is our verdict as openssl could have given it.
func inAWord(err error) string {
	switch v := verdict(err); v {
	case "good", "revoked":
		return v
	default:
		return "unknown"
	}
}

// state is what a CA's list is like.
type state struct {
	name string
	list *certtest.List // nil means there is none
	// others has the key of another CA of the same name sign it.
	others bool
}

func states(revoked *x509.Certificate) []state {
	listed, endedListed := revoking(certtest.List{}, revoked), revoking(ended, revoked)
	return []state{
		{"good", &certtest.List{}, false},
		{"missing", nil, false},
		{"ended", &ended, false},
		{"future", &future, false},
		{"signed by another", &certtest.List{}, true},
		{"revoking", &listed, false},
		{"ended and revoking", &endedListed, false},
	}
}

// TestOpenSSLAgrees takes every combination of what the lists of a root and of an
// intermediate can be like, made by Go and by openssl, and asks openssl.
func TestOpenSSLAgrees(t *testing.T) {
	root := certtest.NewCA(t, "root")
	middle := root.Intermediate(t, "middle")
	pair := middle.Issue(t, certtest.Client())
	chains := [][]*x509.Certificate{chainOf(pair, root)}
	for name, sign := range map[string]maker{"Go": byGo, "openssl": byOpenSSL} {
		made := func(ca *certtest.CA, s state) []byte {
			switch {
			case s.list == nil:
				return nil
			case s.others:
				ca = certtest.NewCA(t, ca.Cert.Subject.CommonName)
			}
			return sign(t, ca, *s.list)
		}
		type signed struct {
			state
			data []byte
		}
		var ofRoot, ofMiddle []signed
		for i, s := range states(middle.Cert) {
			ofRoot = append(ofRoot, signed{s, made(root, s)})
			s = states(pair.Chain[0])[i]
			ofMiddle = append(ofMiddle, signed{s, made(middle, s)})
		}
		for _, r := range ofRoot {
			for _, m := range ofMiddle {
				t.Run(fmt.Sprintf("lists by %s, the root's %s, the intermediate's %s", name, r.name, m.name), func(t *testing.T) {
					data := append(bytes.Clone(r.data), m.data...)
					want := opensslSays(t, root, pair, data)
					if len(data) == 0 { // a file without a list is none
						if want != "unknown" {
							t.Errorf("without any list, openssl says %s", want)
						}
						return
					}
					err := parse(t, data).Check(chains, time.Now())
					if got := inAWord(err); got != want {
						t.Errorf("got %s (%v), openssl says %s", got, err, want)
					}
				})
			}
		}
	}
}

// TestOpenSSLAgreesOnCrossSignedCAs asks openssl of each root by itself, since it looks
// at one chain alone, and expects the better of the two.
func TestOpenSSLAgreesOnCrossSignedCAs(t *testing.T) {
	old, next := certtest.NewCA(t, "old"), certtest.NewCA(t, "next")
	cross := next.CrossSigned(t, old)
	pair := cross.Issue(t, certtest.Client())
	leaf := pair.Chain[0]
	chains := [][]*x509.Certificate{{leaf, cross.Cert, old.Cert}, {leaf, next.Cert}}
	rank := map[string]int{"good": 2, "revoked": 1, "unknown": 0}
	for i, o := range states(cross.Cert) {
		n := states(leaf)[i]
		for _, row := range [][2]state{{o, n}, {o, states(leaf)[0]}, {states(cross.Cert)[0], n}} {
			t.Run("the old one's "+row[0].name+", the new one's "+row[1].name, func(t *testing.T) {
				var data []byte
				for ca, s := range map[*certtest.CA]state{old: row[0], next: row[1]} {
					if s.others {
						ca = certtest.NewCA(t, ca.Cert.Subject.CommonName)
					}
					if s.list != nil {
						data = append(data, byGo(t, ca, *s.list)...)
					}
				}
				if len(data) == 0 {
					return
				}
				want := opensslSays(t, old, pair, data)
				if other := opensslSays(t, next, &certtest.Pair{Chain: pair.Chain[:1]}, data); rank[other] > rank[want] {
					want = other
				}
				if err := parse(t, data).Check(chains, time.Now()); inAWord(err) != want {
					t.Errorf("got %v, openssl says %s", err, want)
				}
			})
		}
	}
}

// TestOpenSSLsDefaultIsAListOfVersionOne has it refused with what to do.
func TestOpenSSLsDefaultIsAListOfVersionOne(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	dir := t.TempDir()
	path := func(name, content string) string {
		p := filepath.Join(dir, name)
		certtest.WriteFile(t, p, []byte(content))
		return p
	}
	path("index", "")
	out, ok := openssl(t, "ca", "-gencrl", "-config", path("openssl.cnf", fmt.Sprintf("[ca]\ndefault_ca = d\n[d]\ndatabase = %s/index\ndefault_md = sha256\ndefault_crl_days = 1\n", dir)),
		"-cert", path("ca.pem", string(ca.PEM())), "-keyfile", path("ca.key", string(ca.KeyPEM(t))), "-out", filepath.Join(dir, "crl.pem"))
	if !ok {
		t.Fatal(out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "crl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := openssl(t, "crl", "-in", filepath.Join(dir, "crl.pem"), "-noout", "-text")
	if !strings.Contains(text, "Version 1") {
		t.Skip("this openssl writes version 2 by default")
	}
	if _, err := revocation.Parse(data); err == nil || !strings.Contains(err.Error(), "it is of version 1; have the CA number its lists, with crl_extensions") {
		t.Errorf("got %v", err)
	}
}
