package credentials_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
)

// TestLoadNamesAKeyThatMayNotBeRead takes another user's eyes for file access
// where the tests run as root, whom no mode keeps out.
func TestLoadNamesAKeyThatMayNotBeRead(t *testing.T) {
	f := newFixture(t, certtest.Server())
	dir := filepath.Dir(f.files.CA)
	f.chmod(filepath.Dir(dir), 0o755)
	f.chmod(dir, 0o755)
	f.chmod(f.files.CA, 0o644)
	f.chmod(f.files.Cert, 0o644)
	f.chmod(f.files.Key, 0)
	const nobody = 65534
	if syscall.Getuid() == 0 {
		runtime.LockOSThread() // the user id of file access is the thread's
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	_, err, _ := f.load(credentials.Server)
	if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "--contour-mtls-key") {
		t.Errorf("got %v", err)
	}
}
