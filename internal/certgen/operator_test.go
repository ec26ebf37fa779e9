package certgen_test

import (
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
)

// TestAnOperatorIsOfTheCAThatSigns issues one before and at each step of a rollover.
func TestAnOperatorIsOfTheCAThatSigns(t *testing.T) {
	folder, c, dir := newFolder(t)
	for step := range 4 {
		before, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		issued, err := folder.Operator()
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		for _, root := range identity(t, folder, "contour").Roots {
			roots.AddCert(root)
		}
		leaf := issued.Chain()[0]
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: c.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("after step %d: %v", step, err)
		}
		if len(leaf.URIs) != 1 || leaf.URIs[0].String() != certgen.OperatorURI || len(leaf.DNSNames) != 0 {
			t.Errorf("after step %d: its names are %v, %v", step, leaf.URIs, leaf.DNSNames)
		}
		if left := leaf.NotAfter.Sub(c.now); left > 15*time.Minute {
			t.Errorf("after step %d: it lives for %v", step, left)
		}
		if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
			t.Errorf("after step %d: the folder has %d entries, and had %d, %v", step, len(after), len(before), err)
		}
		plan, err := folder.Rollover()
		if err == nil {
			_, err = folder.Rotate(plan, certgen.AuthorityConfig{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
