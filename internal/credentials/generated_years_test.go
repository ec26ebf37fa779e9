package credentials_test

import (
	"crypto/x509"
	"testing"

	"github.com/contour-xds/contour/internal/credentials"
)

// TestGeneratedWalksItsCAsOverTheYears lets 25 years pass in steps of some days. At each
// of them the server and Envoy take each other, also an Envoy that has not looked at its
// files for a month; and now and then the server is started anew. It runs alone, for it
// keeps a processor busy, and other tests of this package are about moments.
func TestGeneratedWalksItsCAsOverTheYears(t *testing.T) {
	const step, stale = 5 * day, 6
	s := newState(t)
	g := s.open()
	var envoys []*credentials.Material
	var signers []*x509.Certificate
	leaves := make(map[string]bool)
	for n := range int(25 * 365 * day / step) {
		envoys = append(envoys, s.envoy())
		for _, envoy := range envoys[max(0, len(envoys)-stale):] {
			s.wantAgreement(g, envoy)
		}
		server := material(t, g)
		leaves[server.Fingerprint()] = true
		root := signer(server)
		if len(signers) == 0 || !signers[len(signers)-1].Equal(root) {
			signers = append(signers, root)
		}
		if left := server.Chain()[0].NotAfter.Sub(s.clock()); left < 30*day {
			t.Fatalf("the server's certificate has %s left", left)
		}
		s.pass(step)
		if n%37 == 36 {
			s.close(g)
			g = s.open()
		} else {
			g.Round()
		}
	}
	if len(signers) != 4 {
		t.Errorf("%d CAs have signed", len(signers))
	}
	if len(leaves) < 25*6 {
		t.Errorf("the server had %d generations", len(leaves))
	}
	if n := value(t, g, "contour_credentials_renewals_total", "failure"); n != 0 {
		t.Errorf("%v renewals failed", n)
	}
}

// signer is the root that signed the certificate.
func signer(m *credentials.Material) *x509.Certificate {
	for _, root := range m.Roots() {
		if m.Chain()[0].CheckSignatureFrom(root) == nil {
			return root
		}
	}
	return nil
}
