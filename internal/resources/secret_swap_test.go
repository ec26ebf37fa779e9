package resources

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/files"
)

// TestAMountedSecretIsNeverMixed swaps ..data as kubelet does, while another goroutine
// reads: a certificate always has its own key, and its own CA.
func TestAMountedSecretIsNeverMixed(t *testing.T) {
	pairs := []issued{issue(t, nil), issue(t, nil)}
	for _, kind := range []string{"a Secret mounted at secrets/NAME", "a projected volume with the whole tree"} {
		t.Run(kind, func(t *testing.T) {
			dir := folderOf(t, map[string]string{})
			volume, below := filepath.Join(dir, "secrets", "web"), ""
			links := []string{"tls.crt", "tls.key", "ca.crt"}
			if kind != "a Secret mounted at secrets/NAME" {
				volume, below, links = dir, "secrets/web", []string{"secrets"}
			}
			generation := 0
			swap := func() error {
				generation++
				return swapData(volume, generation, below, pairs[generation%2])
			}
			if err := swap(); err != nil {
				t.Fatal(err)
			}
			for _, name := range links {
				link(t, filepath.Join("..data", name), filepath.Join(volume, name))
			}
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					case <-time.After(3 * time.Millisecond):
					}
					if err := swap(); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			defer func() { close(stop); <-done }()
			neverMixed(t, dir, pairs)
		})
	}
}

// swapData publishes a pair as kubelet does: a new folder, then a rename over the
// link. The folder of before goes.
func swapData(volume string, generation int, below string, pair issued) error {
	name := func(n int) string { return "..generation-" + strconv.Itoa(n) }
	dir := filepath.Join(volume, name(generation), below)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for file, content := range map[string]string{"tls.crt": pair.cert, "tls.key": pair.key, "ca.crt": pair.ca} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			return err
		}
	}
	next := filepath.Join(volume, "..data_tmp")
	if err := os.Symlink(name(generation), next); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(volume, "..data")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(volume, name(generation-1)))
}

// neverMixed reads until it has seen both pairs, and often enough.
func neverMixed(t *testing.T, dir string, pairs []issued) {
	t.Helper()
	reader := newReader(Config{Dir: dir})
	end, seen := time.Now().Add(30*time.Second), map[string]int{}
	for seen[pairs[0].cert] < 50 || seen[pairs[1].cert] < 50 {
		if time.Now().After(end) {
			t.Fatalf("read the two pairs %d and %d times", seen[pairs[0].cert], seen[pairs[1].cert])
		}
		s, err := reader.read(time.Now())
		if err != nil {
			if !errors.Is(err, files.ErrUnstable) {
				t.Fatal(err)
			}
			continue
		}
		all := secretsOf(t, s.For(""))
		got := issued{
			string(all["web"].GetTlsCertificate().GetCertificateChain().GetInlineBytes()),
			string(all["web"].GetTlsCertificate().GetPrivateKey().GetInlineBytes()),
			string(all["web-ca"].GetValidationContext().GetTrustedCa().GetInlineBytes()),
		}
		if got != pairs[0] && got != pairs[1] {
			t.Fatal("the files of two generations are mixed")
		}
		seen[got.cert]++
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
