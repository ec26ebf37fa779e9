package revocation_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/revocation"
)

// chainOf is the chain that verifies a pair under a root.
func chainOf(pair *certtest.Pair, root *certtest.CA) []*x509.Certificate {
	return append(append([]*x509.Certificate(nil), pair.Chain...), root.Cert)
}

// verdict is what a check says, in a word.
func verdict(err error) string {
	var revoked *revocation.Revoked
	var unknown *revocation.Unknown
	switch {
	case err == nil:
		return "good"
	case errors.As(err, &revoked):
		return "revoked"
	case errors.As(err, &unknown):
		return unknown.Why.String()
	}
	return err.Error()
}

var (
	ended  = certtest.List{ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Hour)}
	future = certtest.List{ThisUpdate: time.Now().Add(time.Hour), NextUpdate: time.Now().Add(2 * time.Hour)}
)

func revoking(list certtest.List, certs ...*x509.Certificate) certtest.List {
	list.Revoked = certs
	return list
}

func TestCheck(t *testing.T) {
	root := certtest.NewCA(t, "root")
	middle := root.Intermediate(t, "middle")
	pair := middle.Issue(t, certtest.Client())
	leaf := pair.Chain[0]
	namesake := certtest.NewCA(t, "middle") // another key of the same name
	silent := root.Altered(t, "silent", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	unstated := root.Altered(t, "unstated", func(c *x509.Certificate) { c.KeyUsage = 0 })
	ofRoot := root.RevocationList(t, certtest.List{})

	// The cross-signed CA has one name and key, and a certificate of each of two roots.
	next := certtest.NewCA(t, "next")
	cross := next.CrossSigned(t, root)
	crossed := cross.Issue(t, certtest.Client())
	bothChains := [][]*x509.Certificate{{crossed.Chain[0], cross.Cert, root.Cert}, {crossed.Chain[0], next.Cert}}

	one := [][]*x509.Certificate{chainOf(pair, root)}
	rows := []struct {
		name   string
		chains [][]*x509.Certificate
		lists  [][]byte
		want   string
	}{
		{"nobody is listed", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{})}, "good"},
		{"the leaf is listed", one, [][]byte{ofRoot, middle.RevocationList(t, revoking(certtest.List{}, leaf))}, "revoked"},
		{"the intermediate is listed", one, [][]byte{root.RevocationList(t, revoking(certtest.List{}, middle.Cert)), middle.RevocationList(t, certtest.List{})}, "revoked"},
		{"the leaf's issuer has no list", one, [][]byte{ofRoot}, "missing"},
		{"the intermediate's issuer has no list", one, [][]byte{middle.RevocationList(t, certtest.List{})}, "missing"},
		{"the leaf's serial number is on its root's list", one, [][]byte{root.RevocationList(t, revoking(certtest.List{}, leaf)), middle.RevocationList(t, certtest.List{})}, "good"},
		{"the list has ended", one, [][]byte{ofRoot, middle.RevocationList(t, ended)}, "expired"},
		{"the list has not begun", one, [][]byte{ofRoot, middle.RevocationList(t, future)}, "not_yet_valid"},
		{"the leaf is on a list that has ended", one, [][]byte{ofRoot, middle.RevocationList(t, revoking(ended, leaf))}, "revoked"},
		{"the leaf is on a list that has not begun", one, [][]byte{ofRoot, middle.RevocationList(t, revoking(future, leaf))}, "revoked"},
		{"the leaf is on an ended list beside one in force", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{}), middle.RevocationList(t, revoking(ended, leaf))}, "revoked"},
		{"an ended list beside one in force", one, [][]byte{ofRoot, middle.RevocationList(t, ended), middle.RevocationList(t, certtest.List{})}, "good"},
		{"another key of the same name signed", one, [][]byte{ofRoot, namesake.RevocationList(t, certtest.List{})}, "wrong_signature"},
		{"another key of the same name lists the leaf", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{}), namesake.RevocationList(t, revoking(certtest.List{}, leaf))}, "good"},
		{"the intermediate is listed, and the leaf's issuer has no list", one, [][]byte{root.RevocationList(t, revoking(certtest.List{}, middle.Cert))}, "revoked"},
		{"on hold is revoked", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{leaf}, Reason: 6})}, "revoked"},
		{"a reason that nobody knows", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{leaf}, Reason: 77})}, "revoked"},
		{"the serial number with its sign changed", one, [][]byte{ofRoot, middle.RevocationList(t, certtest.List{Change: func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: new(big.Int).Neg(leaf.SerialNumber), RevocationTime: time.Now()}}
		}})}, "good"},
		{"a CA that may not sign lists", [][]*x509.Certificate{chainOf(silent.Issue(t, certtest.Client()), root)}, [][]byte{ofRoot, forced(t, silent, certtest.List{})}, "not_permitted"},
		{"a CA without a key usage", [][]*x509.Certificate{chainOf(unstated.Issue(t, certtest.Client()), root)}, [][]byte{ofRoot, forced(t, unstated, certtest.List{})}, "good"},
		{"a root that is a peer", [][]*x509.Certificate{{root.Cert}}, [][]byte{ofRoot}, "good"},
		{"cross-signed, all lists", bothChains, [][]byte{ofRoot, next.RevocationList(t, certtest.List{})}, "good"},
		{"cross-signed, the old root's list is missing", bothChains, [][]byte{next.RevocationList(t, certtest.List{})}, "good"},
		{"cross-signed, the cross certificate is revoked", bothChains, [][]byte{root.RevocationList(t, revoking(certtest.List{}, cross.Cert)), next.RevocationList(t, certtest.List{})}, "good"},
		{"cross-signed, that and no other chain", bothChains[:1], [][]byte{root.RevocationList(t, revoking(certtest.List{}, cross.Cert)), next.RevocationList(t, certtest.List{})}, "revoked"},
		{"cross-signed, the leaf is revoked", bothChains, [][]byte{ofRoot, next.RevocationList(t, revoking(certtest.List{}, crossed.Chain[0]))}, "revoked"},
		{"cross-signed, one chain revoked and the other unknown", bothChains, [][]byte{root.RevocationList(t, revoking(certtest.List{}, cross.Cert))}, "revoked"},
		{"no chain", nil, [][]byte{ofRoot}, "there is no verified chain of certificates to look for in the revocation lists"},
		{"an empty chain", [][]*x509.Certificate{{}}, [][]byte{ofRoot}, "there is no verified chain of certificates to look for in the revocation lists"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			lists := parse(t, row.lists...)
			for range 2 { // remembered as at first
				if got := verdict(lists.Check(row.chains, time.Now())); got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
			}
		})
	}
}

// forced signs a list by a CA that says nothing of lists, which crypto/x509 refuses.
func forced(t *testing.T, ca *certtest.CA, list certtest.List) []byte {
	t.Helper()
	allowed := *ca
	cert := *ca.Cert
	cert.KeyUsage |= x509.KeyUsageCRLSign
	if len(cert.SubjectKeyId) == 0 {
		cert.SubjectKeyId = []byte{1}
	}
	allowed.Cert = &cert
	return allowed.RevocationList(t, list)
}

func TestARevokedCertificateIsToldWithAllThatTheListSays(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	leaf := ca.Issue(t, certtest.Client()).Chain[0]
	err := parse(t, ca.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{leaf}, Reason: 1})).
		Check([][]*x509.Certificate{{leaf, ca.Cert}}, time.Now())
	var got *revocation.Revoked
	if !errors.As(err, &got) {
		t.Fatal(err)
	}
	since := time.Since(got.Since)
	if got.Serial != strings.ToUpper(leaf.SerialNumber.Text(16)) || got.Subject != "CN=client" || got.Issuer != "CN=root" || got.Reason != 1 || since < time.Minute || since > time.Hour {
		t.Errorf("got %+v", got)
	}
	if text := err.Error(); !strings.Contains(text, "keyCompromise") || !strings.Contains(text, got.Serial) {
		t.Errorf("it says %q", text)
	}
}

func TestNextUpdateIsTheFirstEndOfWhatIsLast(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	until := func(end time.Duration) certtest.List {
		return certtest.List{ThisUpdate: now.Add(-48 * time.Hour), NextUpdate: now.Add(end)}
	}
	a, b, namesake := certtest.NewCA(t, "a"), certtest.NewCA(t, "b"), certtest.NewCA(t, "a")
	rows := []struct {
		name  string
		lists [][]byte
		want  time.Duration
	}{
		{"one", [][]byte{a.RevocationList(t, until(time.Hour))}, time.Hour},
		{"an older one beside it", [][]byte{a.RevocationList(t, until(time.Hour)), a.RevocationList(t, until(-time.Hour))}, time.Hour},
		{"two CAs", [][]byte{a.RevocationList(t, until(3*time.Hour)), b.RevocationList(t, until(2*time.Hour))}, 2 * time.Hour},
		{"two CAs of one name", [][]byte{a.RevocationList(t, until(3*time.Hour)), namesake.RevocationList(t, until(-time.Hour))}, -time.Hour},
	}
	for _, row := range rows {
		if got := parse(t, row.lists...).NextUpdate().Sub(now); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// TestManyAskAtOnce is for the race detector, and for a signature that is verified while
// others wait for it.
func TestManyAskAtOnce(t *testing.T) {
	root := certtest.NewCA(t, "root")
	middle := root.Intermediate(t, "middle")
	pair := middle.Issue(t, certtest.Client())
	lists := parse(t, root.RevocationList(t, certtest.List{}), middle.RevocationList(t, certtest.List{}))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				if err := lists.Check([][]*x509.Certificate{chainOf(pair, root)}, time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// bigList is a list of n certificates of others.
func bigList(n int) certtest.List {
	return certtest.List{Change: func(l *x509.RevocationList) {
		for i := range n {
			number := new(big.Int).SetBit(big.NewInt(int64(i)), 158, 1) // 20 octets, as CAs give them
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
				SerialNumber: number, RevocationTime: time.Now(), ReasonCode: 1,
			})
		}
	}}
}

// BenchmarkCheck compares a check by a list of 100,000 certificates with one by an empty
// list. The ratio is what is to stay near 1, on whatever machine.
func BenchmarkCheck(b *testing.B) {
	ca := certtest.NewCA(b, "root")
	chains := [][]*x509.Certificate{{ca.Issue(b, certtest.Client()).Chain[0], ca.Cert}}
	empty, full := parse(b, ca.RevocationList(b, certtest.List{})), parse(b, ca.RevocationList(b, bigList(100_000)))
	check := func(lists *revocation.Lists) time.Duration {
		const times = 1000
		begun := time.Now()
		for range times {
			if err := lists.Check(chains, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begun) / times
	}
	check(empty) // which verifies the signatures
	check(full)
	var ofEmpty, ofFull time.Duration
	for b.Loop() { // in turns, so that a busy machine slows down both
		ofEmpty += check(empty)
		ofFull += check(full)
	}
	b.ReportMetric(float64(ofFull)/float64(ofEmpty), "ratio")
	b.ReportMetric(float64(ofFull)/float64(b.N), "ns/check")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkParse reads a list of 100,000 certificates. What is kept of it is bounded by
// a test.
func BenchmarkParse(b *testing.B) {
	data := certtest.NewCA(b, "root").RevocationList(b, bigList(100_000))
	b.ReportAllocs()
	var lists *revocation.Lists
	for b.Loop() {
		lists = parse(b, data)
	}
	if got := lists.Summaries()[0].Revoked; got != 100_000 {
		b.Errorf("it has %d entries", got)
	}
}
