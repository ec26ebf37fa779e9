package credentials_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// parts are the folders that are each replaced whole, in the order in which they are
// written. What a process leaves that is killed within one of them, internal/files
// tests.
var parts = []string{"ca", "contour", "envoy"}

// TestGeneratedEndsWhatAKilledProcessBegan has everything that is written be cut short
// after each of its parts: the first start, a renewal, and each step of a rollover.
// Whoever is started next ends it, and meanwhile both sides take each other.
func TestGeneratedEndsWhatAKilledProcessBegan(t *testing.T) {
	for written := range parts {
		t.Run(fmt.Sprintf("after %v", parts[:written+1]), func(t *testing.T) {
			s := newState(t)
			s.close(s.open())
			for _, part := range parts[written+1:] {
				s.must(os.RemoveAll(filepath.Join(s.dir, part)))
			}
			g := s.open()
			s.wantAgreement(g, s.envoy())

			first := signer(material(t, g))
			s.close(g)
			s.pass(2405 * day) // soon the CA is to be replaced, and not when its leaves are renewed anyway
			for range 20 {
				s.pass(15 * day)
				before := filepath.Join(t.TempDir(), "before")
				s.must(os.CopyFS(before, os.DirFS(s.dir)))
				s.close(s.open())
				s.cutShort(before, written)
				g = s.open()
				s.wantAgreement(g, s.envoy())
				if server, envoy := material(t, g), s.envoy(); len(server.Roots()) != len(envoy.Roots()) || !signer(server).Equal(signer(envoy)) {
					t.Errorf("a step was not ended: %d and %d CAs are trusted", len(server.Roots()), len(envoy.Roots()))
				}
				s.close(g)
			}
			if roots := material(t, g).Roots(); len(roots) != 1 || roots[0].Equal(first) {
				t.Errorf("the CA was not replaced: %d are trusted", len(roots))
			}
		})
	}
}

// cutShort puts back what was there before of all parts that were not written yet.
func (s *state) cutShort(before string, written int) {
	s.t.Helper()
	for _, part := range slices.Backward(parts[written+1:]) {
		s.must(os.RemoveAll(filepath.Join(s.dir, part)))
		s.must(os.CopyFS(filepath.Join(s.dir, part), os.DirFS(filepath.Join(before, part))))
	}
}
