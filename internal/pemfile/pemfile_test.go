package pemfile_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/pemfile"
)

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func der(t *testing.T, marshal func() ([]byte, error)) []byte {
	t.Helper()
	out, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// broken damages the base64 of the first block and keeps its frame.
func broken(block []byte) []byte {
	lines := bytes.SplitN(block, []byte("\n"), 3)
	return join(lines[0], []byte("\n!!!"), lines[1], []byte("\n"), lines[2])
}

func TestCertificatesReadsChainsAndBundles(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	leaf := ca.Intermediate(t, "intermediate").Issue(t, certtest.Server())
	rows := []struct {
		name string
		data []byte
		want int
	}{
		{"one certificate", ca.PEM(), 1},
		{"a chain, leaf first", leaf.CertPEM(), 2},
		{"text around and between blocks", join([]byte("root of all\n"), ca.PEM(), []byte("# next\n"), ca.PEM(), []byte("end\n")), 2},
		{"Windows line ends", bytes.ReplaceAll(leaf.CertPEM(), []byte("\n"), []byte("\r\n")), 2},
		{"a byte order mark", append([]byte("\xef\xbb\xbf"), leaf.CertPEM()...), 2},
		{"a key beside the chain", join(leaf.KeyPEM(t), leaf.CertPEM()), 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := pemfile.Certificates(row.data)
			if err != nil || len(got) != row.want {
				t.Errorf("got %d certificates, %v; want %d", len(got), err, row.want)
			}
		})
	}
}

func TestCertificatesRefuses(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	key := ca.Issue(t, certtest.Server()).KeyPEM(t)
	rows := []struct {
		name  string
		data  []byte
		kind  pemfile.Kind
		block int
		says  string
	}{
		{"an empty file", nil, pemfile.Empty, 0, "empty"},
		{"only white space", []byte(" \n\t\n"), pemfile.Empty, 0, "empty"},
		{"text", []byte("hello\n"), pemfile.NotPEM, 0, "not PEM"},
		{"DER", ca.Cert.Raw, pemfile.NotPEM, 0, "DER"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), pemfile.NotPEM, 0, "UTF-16"},
		{"a block that does not decode", broken(ca.PEM()), pemfile.BrokenBlock, 1, "block 1"},
		{"a broken block between good ones", join(ca.PEM(), broken(ca.PEM()), ca.PEM()), pemfile.BrokenBlock, 2, "block 2"},
		{"a truncated last block", join(ca.PEM(), ca.PEM()[:100]), pemfile.BrokenBlock, 2, "block 2"},
		{"an indented block between good ones", join(ca.PEM(), []byte("  "), ca.PEM(), ca.PEM()), pemfile.BrokenBlock, 2, "block 2"},
		{"a mark with four dashes", join(ca.PEM(), bytes.TrimPrefix(ca.PEM(), []byte("-")), ca.PEM()), pemfile.BrokenBlock, 2, "block 2"},
		{"a block whose first line is missing", join(ca.PEM(), ca.PEM()[28:]), pemfile.BrokenBlock, 2, "block 2"},
		{"a certificate of openssl's own kind", join(ca.PEM(), encode("TRUSTED CERTIFICATE", ca.Cert.Raw)), pemfile.BadCertificate, 2, "TRUSTED CERTIFICATE"},
		{"a block that is no certificate", join(ca.PEM(), encode("CERTIFICATE", []byte("no"))), pemfile.BadCertificate, 2, "block 2"},
		{"only a key", key, pemfile.NoCertificate, 0, "found only PRIVATE KEY"},
		{"only a block of a made-up type", encode("SECRET SAUCE", nil), pemfile.NoCertificate, 0, "another type"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := pemfile.Certificates(row.data)
			want(t, err, row.kind, row.block, row.says)
		})
	}
}

func TestKeyReadsEveryAlgorithmAndEncoding(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	for name, algorithm := range map[string]certtest.KeyType{"ECDSA": certtest.ECDSA, "P-384": certtest.P384, "P-521": certtest.P521, "Ed25519": certtest.Ed25519, "RSA": certtest.RSA} {
		leaf := certtest.Server()
		leaf.Key = algorithm
		pair := ca.Issue(t, leaf)
		encodings := map[string][]byte{
			"PKCS #8":          pair.KeyPEM(t),
			"after its chain":  join(pair.CertPEM(), pair.KeyPEM(t)),
			"after parameters": join(encode("EC PARAMETERS", []byte{6, 0}), pair.KeyPEM(t)),
		}
		switch key := pair.Key.(type) {
		case *rsa.PrivateKey:
			encodings["PKCS #1"] = encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
		case *ecdsa.PrivateKey:
			encodings["SEC 1"] = encode("EC PRIVATE KEY", der(t, func() ([]byte, error) { return x509.MarshalECPrivateKey(key) }))
		}
		for encoding, data := range encodings {
			t.Run(name+" as "+encoding, func(t *testing.T) {
				key, err := pemfile.Key(data)
				if err != nil {
					t.Fatal(err)
				}
				if err := pemfile.Fits(pair.Chain[0], key); err != nil {
					t.Error(err)
				}
				other := ca.Issue(t, leaf)
				want(t, pemfile.Fits(other.Chain[0], key), pemfile.Mismatch, 0, "not the certificate's")
			})
		}
	}
}

func TestFitsTellsAlgorithmsApart(t *testing.T) {
	cert := certtest.NewCA(t, "root").Issue(t, certtest.Server()).Chain[0]
	want(t, pemfile.Fits(cert, certtest.NewKey(t, certtest.Ed25519)), pemfile.Mismatch, 0, "")
}

func TestKeyRefusesAndTellsNothingOfTheKey(t *testing.T) {
	pair := certtest.NewCA(t, "root").Issue(t, certtest.Server())
	key := pair.KeyPEM(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	rows := []struct {
		name  string
		data  []byte
		kind  pemfile.Kind
		block int
		says  string
	}{
		{"an empty file", nil, pemfile.Empty, 0, "empty"},
		{"only a certificate", pair.CertPEM(), pemfile.NoKey, 0, "found only CERTIFICATE"},
		{"two keys", join(key, key), pemfile.SeveralKeys, 0, "more than one"},
		{"an encrypted key of PKCS #8", encode("ENCRYPTED PRIVATE KEY", block.Bytes), pemfile.EncryptedKey, 0, "openssl pkey"},
		{"an encrypted key of old", pem.EncodeToMemory(&pem.Block{
			Type: "EC PRIVATE KEY", Bytes: block.Bytes, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
		}), pemfile.EncryptedKey, 0, "encrypted"},
		{"a key cut short", encode("PRIVATE KEY", block.Bytes[:40]), pemfile.BadKey, 1, "does not parse"},
		{"a PKCS #8 key in a SEC 1 frame", encode("EC PRIVATE KEY", block.Bytes), pemfile.BadKey, 1, "does not parse"},
		{"a broken line in the key", broken(key), pemfile.BrokenBlock, 1, "block 1"},
		{"an RSA key of 1024 bits", encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak)), pemfile.WeakKey, 0, "2048"},
		{"an ECDSA key on P-224", encode("PRIVATE KEY", der(t, func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(p224) })), pemfile.WeakKey, 0, "P-256"},
		{"a key that can't sign", encode("PRIVATE KEY", der(t, func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(x25519) })), pemfile.BadKey, 1, "does not parse"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := pemfile.Key(row.data)
			want(t, err, row.kind, row.block, row.says)
			if err != nil {
				logtest.Silent(t, err.Error(), block.Bytes)
			}
		})
	}
}

func TestRevocationListsAreReadAndNothingElse(t *testing.T) {
	pair := certtest.NewCA(t, "root")
	list, key := pair.RevocationList(t, certtest.List{}), pair.KeyPEM(t)
	block, _ := pem.Decode(list)
	for name, data := range map[string][]byte{"two": join(list, []byte("text\n"), list), "DER": block.Bytes} {
		if got, err := pemfile.RevocationLists(data); err != nil || len(got) == 0 || len(got[0].Raw) != len(block.Bytes) {
			t.Errorf("%s: got %d lists, %v", name, len(got), err)
		}
	}
	rows := []struct {
		name  string
		data  []byte
		kind  pemfile.Kind
		block int
		says  string
	}{
		{"an empty file", nil, pemfile.Empty, 0, "empty"},
		{"text", []byte("hello"), pemfile.NotPEM, 0, "not PEM"},
		{"a list cut short", list[:100], pemfile.BrokenBlock, 1, "does not decode"},
		{"a key behind a list", join(list, key), pemfile.NotList, 2, "it is PRIVATE KEY"},
		{"a block of a made-up type", encode("SECRET SAUCE", nil), pemfile.NotList, 1, "another type"},
		{"a certificate in a list's frame", encode("X509 CRL", pair.Cert.Raw), pemfile.BadList, 1, "does not parse"},
		{"DER with a byte more", join(block.Bytes, []byte{0}), pemfile.BadList, 0, "does not parse"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := pemfile.RevocationLists(row.data)
			want(t, err, row.kind, row.block, row.says)
		})
	}
}

func want(t *testing.T, err error, kind pemfile.Kind, block int, says string) {
	t.Helper()
	var typed *pemfile.Error
	if !errors.As(err, &typed) {
		t.Fatalf("got %v, want a *pemfile.Error", err)
	}
	if typed.Kind != kind || typed.Block != block || !strings.Contains(err.Error(), says) {
		t.Errorf("got kind %d, block %d, %q; want kind %d, block %d, %q", typed.Kind, typed.Block, err, kind, block, says)
	}
}

// FuzzParse holds the reader to its promises for any bytes: no panic, an error of
// its own type, and no certificate without an error to the contrary.
func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("text\n-----BEGIN \n-----BEGIN X-----\n"))
	f.Add([]byte{0x30, 0x82})
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pemfile.Certificates(data)
		check(t, len(certs) > 0, err)
		key, err := pemfile.Key(data)
		check(t, key != nil, err)
		lists, err := pemfile.RevocationLists(data)
		check(t, len(lists) > 0, err)
	})
}

func check(t *testing.T, got bool, err error) {
	var typed *pemfile.Error
	if got == (err != nil) || err != nil && !errors.As(err, &typed) {
		t.Errorf("got something: %v, and error %v", got, err)
	}
}
