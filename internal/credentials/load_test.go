package credentials_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a good set of files in a folder of its own, for a row to spoil.
type fixture struct {
	t     *testing.T
	ca    *certtest.CA
	pair  *certtest.Pair
	files certtest.Files
}

func newFixture(t *testing.T, leaf certtest.Leaf) *fixture {
	t.Helper()
	f := &fixture{t: t, ca: certtest.NewCA(t, "root")}
	f.pair = f.ca.Issue(t, leaf)
	f.files = certtest.WriteFiles(t, t.TempDir(), f.ca, f.pair)
	return f
}

// reissue replaces certificate and key by those of another leaf.
func (f *fixture) reissue(change func(*certtest.Leaf)) {
	leaf := certtest.Server()
	change(&leaf)
	f.pair = f.ca.Issue(f.t, leaf)
	f.files = certtest.WriteFiles(f.t, filepath.Dir(f.files.CA), f.ca, f.pair)
}

func (f *fixture) write(path string, data []byte) { certtest.WriteFile(f.t, path, data) }

func (f *fixture) set() credentials.FileSet {
	return credentials.FileSet{
		CA:   credentials.Source{Setting: "--contour-cafile", Path: f.files.CA},
		Cert: credentials.Source{Setting: "--contour-mtls-cert", Path: f.files.Cert},
		Key:  credentials.Source{Setting: "--contour-mtls-key", Path: f.files.Key},
	}
}

// load returns the material, the error and what was logged.
func (f *fixture) load(role credentials.Role) (*credentials.Material, error, string) { //nolint:revive // the log is beside the point, so last
	var log bytes.Buffer
	m, err := credentials.Load(f.set(), role, time.Now(), slog.New(slog.NewTextHandler(&log, nil)))
	return m, err, log.String()
}

func (f *fixture) keepsTheKey(text string) {
	f.t.Helper()
	block, _ := pem.Decode(f.pair.KeyPEM(f.t))
	logtest.Silent(f.t, text, block.Bytes)
}

func TestLoadRefusesNamingSettingAndFile(t *testing.T) {
	rows := []struct {
		name    string
		spoil   func(*fixture)
		setting string
		says    string
	}{
		{"a CA file that is missing", func(f *fixture) { f.remove(f.files.CA) }, "--contour-cafile", "check the path"},
		{"a certificate that is missing", func(f *fixture) { f.remove(f.files.Cert) }, "--contour-mtls-cert", "check the path"},
		{"a key that is missing", func(f *fixture) { f.remove(f.files.Key) }, "--contour-mtls-key", "check the path"},
		{"a folder for a file", func(f *fixture) { f.files.CA = filepath.Dir(f.files.CA) }, "--contour-cafile", "give a file, not a folder"},
		{"an empty certificate file", func(f *fixture) { f.write(f.files.Cert, nil) }, "--contour-mtls-cert", "empty"},
		{"a key of more than 1 MiB", func(f *fixture) { f.write(f.files.Key, make([]byte, 1<<20+1)) }, "--contour-mtls-key", "1 MiB"},
		{"a CA file that is not PEM", func(f *fixture) { f.write(f.files.CA, []byte("hello")) }, "--contour-cafile", "not PEM"},
		{"a bundle whose second block does not parse", func(f *fixture) {
			f.write(f.files.CA, append(f.ca.PEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})...))
		}, "--contour-cafile", "block 2"},
		{"an encrypted key", func(f *fixture) {
			f.write(f.files.Key, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
		}, "--contour-mtls-key", "encrypted"},
		{"a key of another certificate", func(f *fixture) {
			f.write(f.files.Key, f.ca.Issue(f.t, certtest.Server()).KeyPEM(f.t))
		}, "--contour-mtls-key", "--contour-mtls-cert"},
		{"key and certificate exchanged", func(f *fixture) {
			f.files.Cert, f.files.Key = f.files.Key, f.files.Cert
		}, "--contour-mtls-cert", "found only PRIVATE KEY"},
		{"a leaf in place of the CA", func(f *fixture) { f.write(f.files.CA, f.pair.CertPEM()) }, "--contour-cafile", "no CA certificate"},
		{"a certificate that has ended", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.NotAfter = time.Now().Add(-time.Minute) })
		}, "--contour-mtls-cert", "expired"},
		{"a certificate that has not begun", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.NotBefore = time.Now().Add(time.Hour) })
		}, "--contour-mtls-cert", "not valid before"},
		{"a certificate for clients only", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.Usages = certtest.Client().Usages })
		}, "--contour-mtls-cert", "extendedKeyUsage=serverAuth"},
		{"a certificate that may not sign", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.KeyUsage = x509.KeyUsageKeyEncipherment })
		}, "--contour-mtls-cert", "keyUsage=digitalSignature"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			row.spoil(f)
			_, err, log := f.load(credentials.Server)
			if err == nil {
				t.Fatal("loaded")
			}
			path := map[string]string{"--contour-cafile": f.files.CA, "--contour-mtls-cert": f.files.Cert, "--contour-mtls-key": f.files.Key}[row.setting]
			if text := err.Error(); !strings.HasPrefix(text, row.setting) || !strings.Contains(text, path) || !strings.Contains(text, row.says) {
				t.Errorf("got %q; want it to begin with %s, to name %s and to say %q", text, row.setting, path, row.says)
			}
			f.keepsTheKey(err.Error() + log)
		})
	}
}

func (f *fixture) remove(path string) {
	f.t.Helper()
	if err := os.Remove(path); err != nil {
		f.t.Fatal(err)
	}
}

func TestLoadHoldsClientsToTheirOwnUsage(t *testing.T) {
	f := newFixture(t, certtest.Server())
	if _, err, _ := f.load(credentials.Client); err == nil || !strings.Contains(err.Error(), "extendedKeyUsage=clientAuth") {
		t.Errorf("got %v", err)
	}
}

func TestLoadTakes(t *testing.T) {
	rows := []struct {
		name string
		make func(*fixture)
	}{
		{"an ECDSA key", func(*fixture) {}},
		{"an Ed25519 key", func(f *fixture) { f.reissue(func(l *certtest.Leaf) { l.Key = certtest.Ed25519 }) }},
		{"an RSA key", func(f *fixture) { f.reissue(func(l *certtest.Leaf) { l.Key = certtest.RSA }) }},
		{"a chain with an intermediate", func(f *fixture) {
			f.pair = f.ca.Intermediate(f.t, "intermediate").Issue(f.t, certtest.Server())
			f.write(f.files.Cert, f.pair.CertPEM())
			f.write(f.files.Key, f.pair.KeyPEM(f.t))
		}},
		{"a certificate without extended key usage", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.Usages = []x509.ExtKeyUsage{} })
		}},
		{"a bundle of two CAs", func(f *fixture) {
			f.write(f.files.CA, append(certtest.NewCA(f.t, "next").PEM(), f.ca.PEM()...))
		}},
		{"one file for certificate and key", func(f *fixture) {
			f.write(f.files.Cert, append(f.pair.CertPEM(), f.pair.KeyPEM(f.t)...))
			f.files.Key = f.files.Cert
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			row.make(f)
			m, err, log := f.load(credentials.Server)
			if err != nil || log != "" {
				t.Fatalf("got %v, and logged %q", err, log)
			}
			if !m.Chain()[0].Equal(f.pair.Chain[0]) || len(m.Roots()) == 0 || m.Loaded().IsZero() {
				t.Error("the material is not what the files hold")
			}
		})
	}
}

func TestLoadWarns(t *testing.T) {
	rows := []struct {
		name string
		make func(*fixture)
		says string
	}{
		{"of a key that everyone can read", func(f *fixture) { f.chmod(f.files.Key, 0o644) }, "can be read by every user"},
		{"of a bundle that does not verify the certificate", func(f *fixture) {
			f.write(f.files.CA, certtest.NewCA(f.t, "other").PEM())
		}, "does not verify our own certificate"},
		{"of a bundle with a leaf in it", func(f *fixture) {
			f.write(f.files.CA, append(f.ca.PEM(), f.pair.CertPEM()...))
		}, "are no CA"},
		{"of a certificate without a DNS name", func(f *fixture) {
			f.reissue(func(l *certtest.Leaf) { l.DNSNames = nil })
		}, "no DNS name"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			row.make(f)
			_, err, log := f.load(credentials.Server)
			if err != nil || strings.Count(log, "\n") != 1 || !strings.Contains(log, row.says) {
				t.Errorf("got %v, and logged %q; want one line that says %q", err, log, row.says)
			}
			f.keepsTheKey(log)
		})
	}
}

func TestLoadDoesNotWarnOfAKeyThatItsGroupCanRead(t *testing.T) {
	f := newFixture(t, certtest.Server()) // as Kubernetes' fsGroup makes it
	f.chmod(f.files.Key, 0o640)
	if _, err, log := f.load(credentials.Server); err != nil || log != "" {
		t.Errorf("got %v, and logged %q", err, log)
	}
}

func (f *fixture) chmod(path string, mode os.FileMode) {
	f.t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		f.t.Fatal(err)
	}
}
