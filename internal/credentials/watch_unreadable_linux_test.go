package credentials_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// asNobody is set in the environment of a test that runs as another user.
const asNobody = "CONTOUR_TEST_AS_NOBODY"

// TestWatchServesOnThroughPermissionsThatAreLost runs as another user where the tests
// run as root, whom no mode keeps out: the provider reads in a goroutine of its own, so
// that it can't be lent another user's eyes.
func TestWatchServesOnThroughPermissionsThatAreLost(t *testing.T) {
	if os.Getuid() == 0 && os.Getenv(asNobody) == "" {
		const nobody = 65534
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Dir = "/"
		cmd.Env = []string{asNobody + "=1", "TMPDIR=/tmp"}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("as another user: %v\n%s", err, out)
		}
		return
	}
	for name, path := range map[string]func(*fixture) string{
		"of the key":    func(f *fixture) string { return f.files.Key },
		"of the folder": func(f *fixture) string { return filepath.Dir(f.files.CA) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, certtest.Server())
			w := newWatch(t, f)
			f.chmod(path(f), 0)
			t.Cleanup(func() { f.chmod(path(f), 0o700) })
			w.wantRefused(f, "may not read it")

			f.chmod(path(f), 0o700)
			eventually(t, "nothing is pending", func() bool { return w.pending() == 0 })
			f.reissue(func(*certtest.Leaf) {})
			w.wantTaken(1)
			w.wantServed(f.ca, f.pair)
		})
	}
}
