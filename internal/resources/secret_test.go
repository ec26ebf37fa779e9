package resources

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/certtest"
)

const secretURL = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

// secretsOf returns the secrets by name.
func secretsOf(t *testing.T, s *Snapshot) map[string]*tlsv3.Secret {
	t.Helper()
	all := map[string]*tlsv3.Secret{}
	for _, r := range s.Resources(secretURL) {
		secret, ok := r.Message.(*tlsv3.Secret)
		if !ok || secret.GetName() != r.Name {
			t.Fatalf("%s is no secret of that name", r.Name)
		}
		all[r.Name] = secret
	}
	return all
}

func keys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// issued is a pair as files.
type issued struct{ cert, key, ca string }

func issue(t testing.TB, change func(*certtest.Leaf)) issued {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	leaf := certtest.Server()
	if change != nil {
		change(&leaf)
	}
	pair := ca.Intermediate(t, "intermediate").Issue(t, leaf)
	return issued{string(pair.CertPEM()), string(pair.KeyPEM(t)), string(ca.PEM())}
}

func TestAFolderOfASecretIsServedByItsName(t *testing.T) {
	web, api := issue(t, nil), issue(t, nil)
	const bom = "\xef\xbb\xbf"
	dir := folderOf(t, map[string]string{
		"secrets/web/tls.crt": web.cert, "secrets/web/tls.key": web.key,
		"secrets/web/tls-combined.pem": "passed over", "secrets/web/keystore.jks": "passed over", "secrets/web/.hidden.yaml": "{broken",
		"secrets/manager/tls.crt": web.cert, "secrets/manager/tls.key": web.key, "secrets/manager/ca.crt": web.ca,
		"secrets/acme/tls.crt": web.cert, "secrets/acme/tls.key": web.key, "secrets/acme/ca.crt": "\n",
		"secrets/trust/ca.crt":            bom + web.ca + api.ca,
		"secrets/odd/tls.crt":             bom + "the certificate\n" + web.key + web.cert,
		"secrets/odd/tls.key":             bom + web.key,
		"groups/edge/secrets/api/tls.crt": api.cert, "groups/edge/secrets/api/tls.key": api.key,
		"secrets/.hidden/tls.crt": "x",
	})
	s, err := Read(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Warnings()) != 0 {
		t.Errorf("warned of %v", s.Warnings())
	}
	top := secretsOf(t, s.For(""))
	if diff := cmp.Diff([]string{"acme", "manager", "manager-ca", "odd", "trust", "web"}, keys(top)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]issued{"web": web, "manager": web, "acme": web, "odd": web} {
		got := top[name].GetTlsCertificate()
		if string(got.GetCertificateChain().GetInlineBytes()) != want.cert || string(got.GetPrivateKey().GetInlineBytes()) != want.key {
			t.Errorf("%s is not the pair that stands in the folder, or more than that", name)
		}
	}
	for name, want := range map[string]string{"manager-ca": web.ca, "trust": web.ca + api.ca} {
		if got := top[name].GetValidationContext().GetTrustedCa().GetInlineBytes(); string(got) != want {
			t.Errorf("%s is not the bundle that stands in the folder", name)
		}
	}
	edge := secretsOf(t, s.For("edge"))
	if string(edge["api"].GetTlsCertificate().GetPrivateKey().GetInlineBytes()) != api.key || edge["web"] == nil || len(edge) != len(top)+1 {
		t.Error("the group does not get its own secret beside those at the top")
	}
}

func TestEveryKindOfKeyIsTaken(t *testing.T) {
	for _, kind := range []certtest.KeyType{certtest.ECDSA, certtest.P384, certtest.P521, certtest.Ed25519, certtest.RSA} {
		pair := issue(t, func(l *certtest.Leaf) { l.Key = kind })
		mustReadAll(t, map[string]string{"secrets/web/tls.crt": pair.cert, "secrets/web/tls.key": pair.key})
	}
}

func encodePEM(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

func TestSecretsByFolderThatAreRefused(t *testing.T) {
	one, other := issue(t, nil), issue(t, nil)
	chain := strings.SplitAfterN(one.cert, "-----END CERTIFICATE-----\n", 2)
	yamlSecret := resourcesOf(strings.Replace(emptySecret, "name: s", "name: web", 1))
	const holds = "holds neither tls.crt and tls.key nor ca.crt: put them in, see whether the Secret is mounted, or remove the folder"
	web := func(files map[string]string) map[string]string {
		in := map[string]string{}
		for name, content := range files {
			in["secrets/web/"+name] = content
		}
		return in
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"an empty folder", web(map[string]string{".keep": ""}), "secrets/web: " + holds},
		{"a folder with files of other names", web(map[string]string{"cert.pem": one.cert, "key.pem": one.key}), "secrets/web: " + holds},
		{"a certificate without a key", web(map[string]string{"tls.crt": one.cert, "ca.crt": one.ca}), `secrets/web/tls.crt: secret "web": has no tls.key beside it: add the private key of its certificate`},
		{"a key without a certificate", web(map[string]string{"tls.key": one.key}), `secrets/web/tls.key: secret "web": has no tls.crt beside it: add the certificate, with its intermediates behind it`},
		{"a key of another certificate", web(map[string]string{"tls.crt": one.cert, "tls.key": other.key}), `secrets/web/tls.key: secret "web": the key is not the certificate's; the two files must be a pair (tls.crt)`},
		{"a chain upside down", web(map[string]string{"tls.crt": chain[1] + chain[0], "tls.key": one.key}), `secrets/web/tls.crt: secret "web": has the certificate that tls.key belongs to in place 2: put it first, and its intermediates behind it`},
		{"the files exchanged", web(map[string]string{"tls.crt": one.key, "tls.key": one.cert}), `secrets/web/tls.crt: secret "web": holds no certificate (found only PRIVATE KEY)` + "\n" + `secrets/web/tls.key: secret "web": holds no private key (found only CERTIFICATE)`},
		{"a key that is encrypted", web(map[string]string{"tls.crt": one.cert, "tls.key": encodePEM("ENCRYPTED PRIVATE KEY", []byte("x"))}), `secrets/web/tls.key: secret "web": the private key is encrypted; decrypt it, for example with openssl pkey`},
		{"a certificate whose second block is broken", web(map[string]string{"tls.crt": one.cert[:len(one.cert)-40], "tls.key": one.key}), `secrets/web/tls.crt: secret "web": PEM block 2 does not decode as PEM`},
		{"an empty certificate", web(map[string]string{"tls.crt": "", "tls.key": one.key}), `secrets/web/tls.crt: secret "web": the file is empty`},
		{"an empty bundle", web(map[string]string{"ca.crt": "\n"}), `secrets/web/ca.crt: secret "web": the file is empty`},
		{"a bundle that is no PEM, beside a pair", web(map[string]string{"tls.crt": one.cert, "tls.key": one.key, "ca.crt": "x"}), `secrets/web/ca.crt: secret "web": not PEM: no line begins with -----BEGIN`},
		{"a key in a bundle", web(map[string]string{"ca.crt": one.ca + one.key}), `secrets/web/ca.crt: secret "web": holds a private key, which Envoy would show to whoever may read its configuration: leave the certificates alone in it`},
		{"a key in a bundle, encrypted", web(map[string]string{"ca.crt": one.ca + encodePEM("ENCRYPTED PRIVATE KEY", []byte("x"))}), `secrets/web/ca.crt: secret "web": holds a private key, which Envoy would show to whoever may read its configuration: leave the certificates alone in it`},
		{"a certificate of more than 1 MiB", web(map[string]string{"tls.crt": one.cert + strings.Repeat("\n", maxSecretBytes), "tls.key": one.key}), `secrets/web/tls.crt: secret "web": is larger than 1 MiB, and so can't be a file of certificates`},
		{"a key of more than 1 MiB", web(map[string]string{"tls.crt": one.cert, "tls.key": one.key + strings.Repeat("\n", maxSecretBytes)}), `secrets/web/tls.key: secret "web": is larger than 1 MiB, and so can't be a private key`},
		{"a folder in place of a file", web(map[string]string{"tls.crt/x": "", "tls.key": one.key}), `secrets/web/tls.crt: can't be read: not a regular file`},
		{"a file of resources in it", web(map[string]string{"ca.crt": one.ca, "x.yaml": "{broken"}), "secrets/web/x.yaml: is not read in a folder of a secret, which holds tls.crt and tls.key, or ca.crt: put files of resources beside the folder secrets"},
		{"a folder with resources in it", web(map[string]string{"ca.crt": one.ca, "sub/x.yaml": "{broken"}), "secrets/web/sub: is not read in a folder of a secret, which holds tls.crt and tls.key, or ca.crt: put files of resources beside the folder secrets"},
		{"a file in no folder of a secret", map[string]string{"secrets/tls.crt": one.cert}, "secrets/tls.crt: stands in no folder of a secret: put tls.crt and tls.key, or ca.crt, into a folder here that is called as the secret, or a file of resources into the folder above"},
		{"a file of resources there", map[string]string{"secrets/web.yaml": yamlSecret}, "secrets/web.yaml: stands in no folder of a secret: put tls.crt and tls.key, or ca.crt, into a folder here that is called as the secret, or a file of resources into the folder above"},
		{"a file called as the folder", map[string]string{"secrets": "x"}, "secrets: is a file, but its name is kept for a folder: rename it"},
		{"a name that is no text", map[string]string{"secrets/\xff/tls.crt": one.cert}, `"secrets/\xff": is called by a name that is not UTF-8 text, which no secret's name can be: rename the folder`},
		{"one of the same name in a file", map[string]string{"secrets/web/ca.crt": one.ca, "x.yaml": yamlSecret}, `secrets/web/ca.crt: secret "web": is defined twice: the other one stands at x.yaml:2`},
		{"one of the same name at the top", map[string]string{"secrets/web/ca.crt": one.ca, "groups/edge/secrets/web/ca.crt": one.ca}, `groups/edge/secrets/web/ca.crt: secret "web": is defined twice: the other one stands at secrets/web/ca.crt`},
		{"the validation context of another", map[string]string{"secrets/web/tls.crt": one.cert, "secrets/web/tls.key": one.key, "secrets/web/ca.crt": one.ca, "secrets/web-ca/ca.crt": one.ca}, `secrets/web-ca/ca.crt: secret "web-ca": is defined twice: the other one stands at secrets/web/ca.crt`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files["top.yaml"] = resourcesOf(cluster("top"))
			_, got := readFolder(t, c.files)
			wantLines(t, got, c.want)
			for _, pair := range []issued{one, other} {
				if leaked(got, pair.key) != "" {
					t.Error("the error shows a part of the key")
				}
			}
		})
	}
}

func TestAFileOfASecretThatCanNotBeRead(t *testing.T) {
	dir := folderOf(t, map[string]string{"secrets/web/tls.crt": issue(t, nil).cert})
	dangling(t, filepath.Join(dir, "secrets", "web", "tls.key"))
	_, err := Read(Config{Dir: dir})
	wantLines(t, strings.ReplaceAll(findings(t, err).Error(), dir+"/", ""), "secrets/web/tls.key: can't be read: no such file or directory")
}

func TestABrokenSecretIsNotMissedAsWell(t *testing.T) {
	_, got := readFolder(t, map[string]string{"a.yaml": resourcesOf(sourceless("sds_config: {ads: {}}")), "secrets/s/ca.crt": "x"})
	wantLines(t, got, `secrets/s/ca.crt: secret "s": not PEM: no line begins with -----BEGIN`)
}

func TestSecretsThatAreServedWithAWarning(t *testing.T) {
	hour := time.Hour
	now := time.Now()
	ended := issue(t, func(l *certtest.Leaf) { l.NotBefore, l.NotAfter = now.Add(-2*hour), now.Add(-hour) })
	early := issue(t, func(l *certtest.Leaf) { l.NotBefore, l.NotAfter = now.Add(hour), now.Add(2*hour) })
	good, other := issue(t, nil), issue(t, nil)
	leaf := strings.SplitAfterN(good.cert, "-----END CERTIFICATE-----\n", 2)[0]
	oldCA := certtest.NewCA(t, "root").Altered(t, "old", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-2*hour), now.Add(-hour) })
	for _, c := range []struct {
		name          string
		crt, key, ca  string
		file, problem string
	}{
		{"a certificate that has expired", ended.cert, ended.key, "", "tls.crt", "certificate 1 expired at "},
		{"a certificate that is not valid yet", early.cert, early.key, "", "tls.crt", "certificate 1 is not valid before "},
		{"a chain with an intermediate of another CA", leaf + other.cert, good.key, "", "tls.crt", "certificate 2 did not issue the one before it"},
		{"a CA that has expired", "", "", good.ca + string(oldCA.PEM()), "ca.crt", "certificate 2 expired at "},
		{"a bundle with what is no CA", "", "", good.ca + leaf, "ca.crt", "1 of its certificates are no CA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"secrets/web/tls.crt": c.crt, "secrets/web/tls.key": c.key, "secrets/web/ca.crt": c.ca}
			for name, content := range files {
				if content == "" {
					delete(files, name)
				}
			}
			s := mustReadAll(t, files)
			warned := s.Warnings()
			if len(warned) != 1 || filepath.Base(warned[0].File) != c.file || !strings.HasPrefix(warned[0].Problem, c.problem) || warned[0].Resource != `"web"` {
				t.Errorf("warned of %v", warned)
			}
			if len(secretsOf(t, s.For(""))) != 1 {
				t.Error("it is not served")
			}
		})
	}
}

// TestAWarningIsLoggedOnce lets a certificate expire between two readings in which
// nothing else changes.
func TestAWarningIsLoggedOnce(t *testing.T) {
	pair := issue(t, nil)
	dir := folderOf(t, map[string]string{"secrets/web/tls.crt": pair.cert, "secrets/web/tls.key": pair.key})
	var log bytes.Buffer
	f, err := Open(Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(10 * 365 * 24 * time.Hour)
	for range 2 {
		s, err := f.reader.read(later)
		if err != nil {
			t.Fatal(err)
		}
		f.accept(s)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 || strings.Count(log.String(), "certificate 2 expired") != 1 { // of the leaf and of the intermediate
		t.Errorf("warned %d times:\n%s", n, log.String())
	}
}
