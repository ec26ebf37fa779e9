package credentials_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/pemfile"
)

// TestGeneratedKeepsRevocationListsUp revokes in a state folder while nobody serves it,
// and lets years pass, in which the CA is replaced.
func TestGeneratedKeepsRevocationListsUp(t *testing.T) {
	const step = 5 * day
	s := newState(t)
	g := s.open()
	s.close(g)
	folder, err := certgen.OpenFolder(s.dir, s.clock)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := folder.Revoke(certgen.RevokeConfig{Names: []string{"envoy"}}); err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	g = s.open()
	replaced := false
	for range int(10 * 365 * day / step) {
		data, err := os.ReadFile(filepath.Join(s.dir, certgen.ListName))
		if err != nil {
			t.Fatal(err)
		}
		lists, err := pemfile.RevocationLists(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, root := range material(t, g).Roots() {
			if !listed(lists, root) {
				t.Fatalf("at %v there is no list of the CA %s", s.clock(), certgen.Fingerprint(root))
			}
		}
		replaced = replaced || len(lists) > 1
		for _, list := range lists {
			if left := list.NextUpdate.Sub(s.clock()); left < 10*day {
				t.Fatalf("a list has %s left", left)
			}
		}
		s.pass(step)
		g.Round()
	}
	if !replaced {
		t.Error("the CA was never replaced")
	}
	if n := value(t, g, "contour_credentials_renewals_total", "failure"); n != 0 {
		t.Errorf("%v renewals failed", n)
	}
}

func listed(lists []*x509.RevocationList, root *x509.Certificate) bool {
	for _, list := range lists {
		if list.CheckSignatureFrom(root) == nil {
			return true
		}
	}
	return false
}
