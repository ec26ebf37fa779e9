package certtest

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// List says how a revocation list is to differ from an empty one that is in force.
type List struct {
	Revoked []*x509.Certificate
	// Reason of each entry (RFC 5280 section 5.3.1); unset means none is told.
	Reason int
	// ThisUpdate and NextUpdate: unset means an hour ago and an hour from now.
	ThisUpdate, NextUpdate time.Time
	// Change, where it is set, changes what is signed.
	Change func(*x509.RevocationList)
}

// RevocationList signs a revocation list, and returns it as PEM.
func (ca *CA) RevocationList(t testing.TB, list List) []byte {
	t.Helper()
	now := time.Now()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	if !list.ThisUpdate.IsZero() {
		template.ThisUpdate = list.ThisUpdate
	}
	if !list.NextUpdate.IsZero() {
		template.NextUpdate = list.NextUpdate
	}
	for _, cert := range list.Revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: cert.SerialNumber, RevocationTime: now.Add(-time.Minute), ReasonCode: list.Reason,
		})
	}
	if list.Change != nil {
		list.Change(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, ca.Cert, ca.key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}
