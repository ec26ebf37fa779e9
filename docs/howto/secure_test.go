package howto_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
	"github.com/contour-xds/contour/test/process"
)

const securing = "from-plaintext-to-secure.md"

// patience is how long what needs a second at most may take.
const patience = 30 * time.Second

// page is a copy of the page about plaintext, with ports that are free, and a folder of
// resources to run its commands in.
type page struct {
	t         *testing.T
	dir, copy string
	// plain is the port of the contour that speaks plaintext.
	plain string
}

func newPage(t *testing.T) page {
	t.Helper()
	p := page{t, t.TempDir(), filepath.Join(t.TempDir(), securing), freePort(t)}
	text, err := os.ReadFile(securing)
	if err != nil {
		t.Fatal(err)
	}
	ports := strings.NewReplacer("8101", freePort(t), "8100", freePort(t),
		"resources --insecure\n", "resources --insecure --xds-port "+p.plain+" --metrics-port "+freePort(t)+"\n")
	write(t, p.copy, ports.Replace(string(text)))
	if err := os.CopyFS(filepath.Join(p.dir, "resources"), os.DirFS("../../examples/resources")); err != nil {
		t.Fatal(err)
	}
	// The default would be this machine's own.
	t.Setenv("CONTOUR_STATE_DIR", filepath.Join(p.dir, "state"))
	t.Setenv("PATH", filepath.Dir(contourtest.Binary(t))+":"+os.Getenv("PATH"))
	t.Setenv("ENVOY_ADMIN_PORT", "0")
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort is one that nobody listens on. Another process may take it before it is
// used, and then the test fails for that.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// serve runs a section whose command serves, until the test ends, and returns when it
// does.
func (p page) serve(heading string) {
	p.t.Helper()
	parts, err := filepath.Abs("../../examples/demo/commands.sh")
	if err != nil {
		p.t.Fatal(err)
	}
	// The last command takes the place of the shell, so that ending it ends contour.
	cmd := exec.Command("bash", "-c", `source "$1"; eval "exec $(commands_of "$2" "$3")"`, "bash", parts, p.copy, heading)
	cmd.Dir, cmd.SysProcAttr = p.dir, process.DieWithParent()
	logPath := filepath.Join(p.t.TempDir(), "log")
	log, err := os.Create(logPath)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	envoy.Eventually(p.t, patience, "contour serves by "+heading, func() error {
		said, err := os.ReadFile(logPath)
		if err == nil && !strings.Contains(string(said), "msg=serving ") {
			err = fmt.Errorf("it says %s", said)
		}
		return err
	})
}

// TestMovingFromPlaintextToSecure runs the page's commands, with a real Envoy for each
// of its two bootstraps.
func TestMovingFromPlaintextToSecure(t *testing.T) {
	p := newPage(t)
	p.serve("### Leave the old one running")
	p.serve("### Start the secure one beside it")
	connected := func(heading string) {
		run(t, p.dir, p.copy, heading)
		e := envoy.Start(t, filepath.Join(p.dir, "envoy.json"), envoy.Options{})
		defer e.Stop()
		envoy.Eventually(t, patience, "Envoy is connected by "+heading, func() error {
			n, err := e.Stat("control_plane.connected_state")
			if err == nil && n != 1 {
				err = errors.New("it is not")
			}
			return err
		})
	}
	connected("### Move the Envoys")
	run(t, p.dir, p.copy, "## The state folder")
	p.byDefault()
	run(t, p.dir, p.copy, "## The state folder")
	t.Setenv("ENVOY_XDS_PORT", p.plain)
	connected("## The way back")
}

// byDefault has the state folder where it is for who has set nothing.
func (p page) byDefault() {
	p.t.Helper()
	home := p.t.TempDir()
	parent := filepath.Join(home, ".local", "state")
	err := os.MkdirAll(parent, 0o700)
	if err == nil {
		err = os.Symlink(filepath.Join(p.dir, "state"), filepath.Join(parent, "contour"))
	}
	if err == nil {
		err = os.Unsetenv("CONTOUR_STATE_DIR") // until the end of the test, which had set it
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Setenv("HOME", home)
}

func TestSecuringSeveralMachines(t *testing.T) {
	p := newPage(t)
	cmd := "contour certgen certificates\n"
	text, err := os.ReadFile(p.copy)
	if err != nil || !strings.Contains(string(text), cmd) {
		t.Fatalf("the page has not %q, %v", cmd, err)
	}
	if out, err := exec.Command(contourtest.Binary(t), "certgen", filepath.Join(p.dir, "certificates")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write(t, p.copy, strings.Replace(string(text), cmd, "", 1))
	p.serve("## On several machines")
}
