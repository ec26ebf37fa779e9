package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// smallDisk is a folder with a file system of its own.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=700"); err != nil {
		t.Skipf("mounting a small file system: %v; it needs the rights of root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all that is left of a disk, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filling")
	file, err := os.Create(path)
	must(t, err)
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return func() { must(t, os.Remove(path)) }
}

// TestContourServesOnWhenItsDiskIsFull has no room for the next certificates, under
// traffic, and starts contour once without any. Room is all that it takes to go on.
func TestContourServesOnWhenItsDiskIsFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	g := startGenerated(t, filepath.Join(disk, "state"), "--certificate-lifetime", "30s")
	before := g.leaf("contour")
	free := fill(t, disk)
	g.c.wantMetric(1, "contour_credentials_renewal_failing")
	if !strings.Contains(g.c.log(), "no space left on device") {
		t.Error("it does not say why")
	}
	g.wantConnected("with a full disk")
	g.restart()
	g.wantConnected("after a start with a full disk")
	g.c.wantMetric(1, "contour_credentials_renewal_failing")
	if g.leaf("contour") != before {
		t.Error("there was room")
	}

	free()
	g.c.wantMetric(0, "contour_credentials_renewal_failing")
	envoy.Eventually(t, deadline, "the certificates are renewed", func() error {
		if g.leaf("contour") == before {
			return errors.New("they are those of before")
		}
		return nil
	})
	g.wantInUse()
	g.restart()
	g.wantConnected("with room again")
	g.wantNoFailure()
}
