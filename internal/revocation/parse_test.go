package revocation_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/revocation"
)

func parse(t testing.TB, data ...[]byte) *revocation.Lists {
	t.Helper()
	lists, err := revocation.Parse(bytes.Join(data, nil))
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// der is the content of the first block.
func der(t testing.TB, data []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatal("no PEM")
	}
	return block.Bytes
}

func with(extension pkix.Extension) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, extension) }
}

// entryWith lists serial number 0xBAD with an extension.
func entryWith(extension pkix.Extension) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(0xBAD), RevocationTime: time.Now(), ExtraExtensions: []pkix.Extension{extension},
		})
	}
}

func TestParseRefusesWhatCannotBeHonoured(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	good := ca.RevocationList(t, certtest.List{})
	key := ca.KeyPEM(t)
	signed := func(change func(*x509.RevocationList)) []byte {
		return ca.RevocationList(t, certtest.List{Change: change})
	}
	null := []byte{asn1.TagNull, 0}
	rows := []struct {
		name string
		data []byte
		says string
	}{
		{"nothing", nil, "the file is empty; give the lists that the CA signs"},
		{"white space", []byte("\n\n"), "the file is empty"},
		{"a byte order mark alone", []byte("\xef\xbb\xbf"), "the file is empty"},
		{"text", []byte("no list\n"), "not PEM"},
		{"UTF-16", []byte("\xff\xfe-\x00"), "save it as plain text"},
		{"a certificate", ca.PEM(), "PEM block 1 is no certificate revocation list (X509 CRL); keep nothing but lists in this file (it is CERTIFICATE)"},
		{"a key", key, "block 1 is no certificate revocation list"},
		{"a key behind a list", append(bytes.Clone(good), key...), "block 2 is no certificate revocation list"},
		{"a block of a made-up type", pem.EncodeToMemory(&pem.Block{Type: "SECRET SAUCE"}), "it is a block of another type"},
		{"a list cut short", good[:len(good)/2], "block 1 does not decode as PEM"},
		{"a list with a byte more", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: append(der(t, good), 0)}), "block 1 does not parse"},
		{"a key in a list's frame", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der(t, key)}), "block 1 does not parse"},
		{"a certificate in DER", ca.Cert.Raw, "does not parse as an X.509 certificate revocation list"},
		{"two lists in DER", append(der(t, good), der(t, good)...), "does not parse"},
		{"a delta list", signed(with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}})), "give the complete one"},
		{"a part of a list", signed(with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}})), "issuingDistributionPoint"},
		{"a part of a list that plays it down", signed(with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Value: []byte{0x30, 0}})), "issuingDistributionPoint"},
		{"a critical extension", signed(with(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: null})), "critical extension 1.2.3"},
		{
			"an entry of an indirect list", signed(entryWith(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}})),
			"critical extension 2.5.29.29, which is not understood (serial number BAD)",
		},
		{
			"an entry that is taken back", ca.RevocationList(t, certtest.List{Reason: 8, Revoked: []*x509.Certificate{ca.Cert}}),
			"removeFromCRL",
		},
		{"too much", bytes.Repeat([]byte(" "), revocation.MaxBytes+1), "larger than 16 MiB"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			lists, err := revocation.Parse(row.data)
			if err == nil || lists != nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, %v; want an error of one line that says %q", lists, err, row.says)
			}
			logtest.Silent(t, err.Error(), der(t, key))
		})
	}
}

// TestParseRefusesAListWithoutAnEnd takes it out of a good list. Its signature is none
// then, and is not looked at here.
func TestParseRefusesAListWithoutAnEnd(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	data := der(t, ca.RevocationList(t, certtest.List{}))
	var outer struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(data, &outer); err != nil {
		t.Fatal(err)
	}
	var tbs struct {
		Version              int
		Algorithm            pkix.AlgorithmIdentifier
		Issuer               asn1.RawValue
		ThisUpdate, NextTime asn1.RawValue
		Rest                 asn1.RawValue
	}
	if _, err := asn1.Unmarshal(outer.TBS.FullBytes, &tbs); err != nil {
		t.Fatal(err)
	}
	inner, err := asn1.Marshal(struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate asn1.RawValue
		Rest       asn1.RawValue
	}{tbs.Version, tbs.Algorithm, tbs.Issuer, tbs.ThisUpdate, tbs.Rest})
	if err != nil {
		t.Fatal(err)
	}
	outer.TBS = asn1.RawValue{FullBytes: inner}
	if data, err = asn1.Marshal(outer); err != nil {
		t.Fatal(err)
	}
	if _, err := revocation.Parse(data); err == nil || !strings.Contains(err.Error(), "nextUpdate") {
		t.Errorf("got %v", err)
	}
}

func TestParseTakesListsInEveryFormThatCAsPublish(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	list := ca.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{ca.Cert}})
	for name, data := range map[string][]byte{
		"PEM": list, "DER": der(t, list), "a byte order mark": append([]byte("\xef\xbb\xbf"), list...),
		"text around": append([]byte("Certificate Revocation List (CRL):\n"), list...),
	} {
		got := parse(t, data).Summaries()
		if len(got) != 1 || got[0].Revoked != 1 || got[0].Issuer != "CN=root" || got[0].Number.Int64() != 1 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got := parse(t, list, list).Summaries(); len(got) != 2 {
		t.Errorf("two: got %+v", got)
	}
}

// FuzzLists holds [revocation.Parse] to its promises for any bytes: no panic, lists or an
// error, and what it makes can be asked.
func FuzzLists(f *testing.F) {
	ca := certtest.NewCA(f, "root")
	leaf := ca.Issue(f, certtest.Client()).Chain[0]
	chains := [][]*x509.Certificate{{leaf, ca.Cert}}
	revoking := ca.RevocationList(f, certtest.List{Revoked: []*x509.Certificate{leaf}, Reason: 1})
	for _, seed := range [][]byte{
		nil, revoking, der(f, revoking), append(bytes.Clone(revoking), ca.RevocationList(f, certtest.List{})...), ca.PEM(),
		ca.RevocationList(f, certtest.List{Change: with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true})}),
		[]byte("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"),
		{0x30, 0x80},
		{0x30, 0x03, 0x30, 0x01, 0x30},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lists, err := revocation.Parse(data)
		if (lists == nil) != (err != nil) {
			t.Fatalf("got %v, %v", lists, err)
		}
		if lists == nil {
			return
		}
		if len(lists.Summaries()) == 0 || lists.NextUpdate().IsZero() {
			t.Errorf("it took lists that say nothing: %+v", lists.Summaries())
		}
		// Nobody but the CA's key makes a list that lets its leaf in.
		if err := lists.Check(chains, time.Now()); err == nil {
			t.Error("made-up lists let a revoked certificate in")
		}
	})
}
