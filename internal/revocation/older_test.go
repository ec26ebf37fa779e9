package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/revocation"
)

// numbered is a list of that CRL number which was issued as many minutes ago.
func numbered(number int64, minutesAgo int, revoked ...*x509.Certificate) certtest.List {
	return certtest.List{
		Revoked: revoked, ThisUpdate: time.Now().Add(-time.Duration(minutesAgo) * time.Minute),
		Change: func(l *x509.RevocationList) { l.Number = big.NewInt(number) },
	}
}

var (
	oidNumber = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidKey    = asn1.ObjectIdentifier{2, 5, 29, 35}
)

// without is a list signed anew without an extension that crypto/x509 always adds.
func without(t *testing.T, ca *certtest.CA, extension asn1.ObjectIdentifier, list []byte) []byte {
	t.Helper()
	var outer struct {
		TBS struct {
			Version                int
			Algorithm              pkix.AlgorithmIdentifier
			Issuer                 asn1.RawValue
			ThisUpdate, NextUpdate time.Time
			Revoked                []asn1.RawValue  `asn1:"optional,omitempty"`
			Extensions             []pkix.Extension `asn1:"tag:0,explicit"`
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der(t, list), &outer); err != nil {
		t.Fatal(err)
	}
	outer.TBS.Extensions = slices.DeleteFunc(outer.TBS.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(extension) })
	tbs, err := asn1.Marshal(outer.TBS)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der(t, ca.KeyPEM(t)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(tbs)
	signature, err := key.(crypto.Signer).Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	data, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: data})
}

// onDisk is the first list of the file.
func (f *followed) onDisk(t *testing.T) revocation.Summary {
	t.Helper()
	data, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data).Summaries()[0]
}

// metric is the value of the checker's metric of that name, with that value of its label
// if it has one.
func (f *followed) metric(t *testing.T, name, label string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Checker)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); family.GetName() == name && (len(labels) == 0 || labels[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s %s", name, label)
	return 0
}

func TestAnOlderListIsRefusedAndTheNewerOneKept(t *testing.T) {
	var other, namesake *certtest.CA
	sign := func(lists map[*certtest.CA]certtest.List, order ...*certtest.CA) []byte {
		var all [][]byte
		for _, ca := range order {
			all = append(all, ca.RevocationList(t, lists[ca]))
		}
		return bytes.Join(all, nil)
	}
	// Each row's first content revokes the peer, and its second one does not.
	rows := []struct {
		name          string
		before, after func(f *followed) []byte
		refused       string // what the log says of it; empty where it is taken
		warned        string // what the log says of a CA that is gone
	}{
		{
			name:    "a lower number that was issued later",
			before:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(10, 30, f.leaf)) },
			after:   func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 5)) },
			refused: `\"CN=root\" is older than the one in force (number 9, of `,
		},
		{
			name:   "a higher number that was issued earlier",
			before: func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 5, f.leaf)) },
			after:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(10, 30)) },
		},
		{
			name:   "an equal number and another content, of the same time",
			before: func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 5, f.leaf)) },
			after: func(f *followed) []byte {
				list := numbered(9, 5)
				list.ThisUpdate = f.onDisk(t).ThisUpdate
				return f.ca.RevocationList(t, list)
			},
		},
		{
			name:   "an equal number and another content, issued later",
			before: func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 30, f.leaf)) },
			after:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 5)) },
		},
		{
			name:    "an equal number and another content, issued earlier",
			before:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 5, f.leaf)) },
			after:   func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 30)) },
			refused: "(number 9, of ",
		},
		{
			name: "no numbers, issued earlier",
			before: func(f *followed) []byte {
				return without(t, f.ca, oidNumber, f.ca.RevocationList(t, numbered(9, 5, f.leaf)))
			},
			after:   func(f *followed) []byte { return without(t, f.ca, oidNumber, f.ca.RevocationList(t, numbered(9, 30))) },
			refused: "(without a number, of ",
		},
		{
			name: "no numbers, issued later",
			before: func(f *followed) []byte {
				return without(t, f.ca, oidNumber, f.ca.RevocationList(t, numbered(9, 30, f.leaf)))
			},
			after: func(f *followed) []byte { return without(t, f.ca, oidNumber, f.ca.RevocationList(t, numbered(9, 5))) },
		},
		{
			name: "a newer list of one CA and an older one of another",
			before: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(3, 30, f.leaf), other: numbered(700, 30)}, f.ca, other)
			},
			after: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(4, 5), other: numbered(699, 60)}, other, f.ca)
			},
			refused: `\"CN=other\" is older than the one in force (number 699, of `,
		},
		{
			name: "newer lists of both, in another order",
			before: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(3, 30, f.leaf), other: numbered(700, 30)}, f.ca, other)
			},
			after: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(4, 5), other: numbered(701, 5)}, other, f.ca)
			},
		},
		{
			name: "a newer list of a CA, and a lower number of its namesake with another key",
			before: func(f *followed) []byte {
				return f.ca.RevocationList(t, numbered(10, 30, f.leaf))
			},
			after: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(11, 5), namesake: numbered(1, 5)}, namesake, f.ca)
			},
		},
		{
			name: "an older list of a CA, and a higher number of its namesake with another key",
			before: func(f *followed) []byte {
				return f.ca.RevocationList(t, numbered(10, 30, f.leaf))
			},
			after: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(9, 5), namesake: numbered(11, 5)}, namesake, f.ca)
			},
			refused: "(number 9, of ",
		},
		{
			name:    "an older list that does not tell the key",
			before:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(10, 30, f.leaf)) },
			after:   func(f *followed) []byte { return without(t, f.ca, oidKey, f.ca.RevocationList(t, numbered(9, 60))) },
			refused: "(number 9, of ",
		},
		{
			name: "the older one of two lists is left",
			before: func(f *followed) []byte {
				return append(f.ca.RevocationList(t, numbered(9, 30)), f.ca.RevocationList(t, numbered(10, 20, f.leaf))...)
			},
			after:   func(f *followed) []byte { return f.ca.RevocationList(t, numbered(9, 30)) },
			refused: "(number 9, of ",
		},
		{
			name:   "an older list beside a newer one",
			before: func(f *followed) []byte { return f.ca.RevocationList(t, numbered(10, 30, f.leaf)) },
			after: func(f *followed) []byte {
				return append(f.ca.RevocationList(t, numbered(11, 5)), f.ca.RevocationList(t, numbered(9, 60))...)
			},
		},
		{
			name: "a CA that is gone",
			before: func(f *followed) []byte {
				return sign(map[*certtest.CA]certtest.List{f.ca: numbered(3, 30, f.leaf), other: numbered(700, 30)}, f.ca, other)
			},
			after:  func(f *followed) []byte { return f.ca.RevocationList(t, numbered(4, 5)) },
			warned: `issuer="CN=other" key_id=`,
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			other, namesake = certtest.NewCA(t, "other"), certtest.NewCA(t, "root")
			f := follow(t, revocation.Refuse, row.before)
			if got := f.verdict(); got != "revoked" {
				t.Fatalf("at first: %s", got)
			}
			changed := f.Changed()
			f.put(t, row.after(f))
			if row.refused == "" {
				awaited(t, changed)
				if got := f.verdict(); got != "good" {
					t.Errorf("after the new list: %s", got)
				}
			} else {
				until(t, "it is counted", func() bool { return f.metric(t, "contour_crl_reloads_total", "failure") == 1 })
				time.Sleep(100 * time.Millisecond) // and it is tried again and again
				if got := f.verdict(); got != "revoked" {
					t.Errorf("after the older list: %s", got)
				}
				if pending := f.metric(t, "contour_crl_pending", ""); pending != 1 {
					t.Errorf("pending is %v", pending)
				}
				text := f.log.String()
				for _, says := range []string{row.refused, "; in force is ", "a higher number (RFC 5280 section 5.2.3), or restart contour"} {
					if !strings.Contains(text, says) || strings.Count(text, "\n") != 1 {
						t.Errorf("want one line that says %q, and have:\n%s", says, text)
					}
				}
			}
			if text := f.log.String(); strings.Contains(text, "is not in the file any more") != (row.warned != "") || !strings.Contains(text, row.warned) {
				t.Errorf("want a warning with %q, and have:\n%s", row.warned, text)
			}
		})
	}
}

// TestAnOlderListIsOutOfTheWay goes on from a refusal in each way that its line tells.
func TestAnOlderListIsOutOfTheWay(t *testing.T) {
	f := follow(t, revocation.Refuse, func(f *followed) []byte { return f.ca.RevocationList(t, numbered(10, 30, f.leaf)) })
	older := f.ca.RevocationList(t, numbered(9, 60))
	f.put(t, older)
	until(t, "it is refused", func() bool { return strings.Contains(f.log.String(), "is older than") })
	changed := f.Changed()
	f.put(t, f.ca.RevocationList(t, numbered(11, 5)))
	awaited(t, changed)
	until(t, "nothing is pending", func() bool { return f.metric(t, "contour_crl_pending", "") == 0 })
	f.put(t, older)
	until(t, "it is refused again", func() bool { return strings.Contains(f.log.String(), "in force is number 11") })
	_ = f.Close()
	f.open(t, revocation.Refuse)
	if got := f.verdict(); got != "good" {
		t.Errorf("after a restart: %s", got)
	}
}
