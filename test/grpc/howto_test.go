package grpc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

const (
	howtos   = "../../docs/howto/"
	howto    = howtos + "proxyless-grpc.md"
	making   = howtos + "certificates-with-openssl.md"
	commands = "../../examples/demo/commands.sh"

	// backendPort is the page's, which may be taken on this machine.
	backendPort = "50051"
)

// TestTheHowtoMakesACall runs the commands of the page as they stand, each section
// where a person would, but for pip's: what it installs is what test/grpc/install
// has.
func TestTheHowtoMakesACall(t *testing.T) {
	h := newReader(t)
	h.run(making, "")
	if out := h.run(howto, "## The server's certificate needs the host that clients dial"); !strings.Contains(out, "does match certificate") {
		t.Errorf("the certificates' howto issues none for the host: %s", out)
	}
	h.run(howto, "## Say what is served")
	h.start("## Serve it")
	h.run(howto, "## Write the client's bootstrap")
	h.run(howto, "### The programs")
	h.start("### The backend")
	envoy.Eventually(t, deadline, "the client of the page is answered", func() error {
		out, err := h.command(howto, "### The client").CombinedOutput()
		if err == nil && !strings.Contains(string(out), "status: SERVING") {
			err = errors.New("no SERVING")
		}
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// TestTheHowtoInstallsWhatIsTested keeps the versions of the page and of the tests
// together.
func TestTheHowtoInstallsWhatIsTested(t *testing.T) {
	page, err := os.ReadFile(howto)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"grpcio", "grpcio-health-checking"} {
		if pinned := " " + name + "==" + grpcioVersion; !strings.Contains(string(page), pinned) {
			t.Errorf("the page does not say%s", pinned)
		}
	}
}

// reader is a person who follows the pages in a folder of their own.
type reader struct {
	t    *testing.T
	dir  string
	env  []string
	free string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	h := &reader{t: t, dir: t.TempDir(), free: freePort(t)}
	for link, to := range map[string]string{
		"bin/contour": contour.Binary(t), "grpc-python": filepath.Dir(filepath.Dir(python(t))),
	} {
		link = filepath.Join(h.dir, link)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	h.env = append(os.Environ(), "CONTOUR_XDS_PORT="+port, "ENVOY_XDS_PORT="+port, "CONTOUR_METRICS_PORT=0")
	return h
}

// command is the commands of a section, by the demo's own way of taking them out of
// a page. Without a heading it is those of the whole page.
func (h *reader) command(page, heading string) *exec.Cmd {
	h.t.Helper()
	parts, err := filepath.Abs(commands)
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		h.t.Fatal(err)
	}
	copied := filepath.Join(h.t.TempDir(), filepath.Base(page))
	certtest.WriteFile(h.t, copied, []byte(strings.ReplaceAll(string(data), backendPort, h.free)))
	cmd := exec.Command("bash", "-c", `fail() { echo "$*" >&2; exit 1; }; source "$1"; run_document "$2" "$3"`,
		"bash", parts, copied, heading)
	cmd.Dir, cmd.Env = h.dir, h.env
	return cmd
}

// run runs them to their end, and returns their output.
func (h *reader) run(page, heading string) string {
	h.t.Helper()
	out, err := h.command(page, heading).CombinedOutput()
	if err != nil {
		h.t.Fatalf("running the commands of %s %q: %v\n%s", page, heading, err, out)
	}
	return string(out)
}

// start runs those of a section of the page that stay in the foreground, until the
// test ends.
func (h *reader) start(heading string) {
	h.t.Helper()
	cmd := h.command(howto, heading)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // bash has children
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			h.t.Errorf("killing what %q started: %v", heading, err)
		}
		if err := cmd.Wait(); err == nil {
			h.t.Errorf("what %q started ended by itself", heading)
		}
		if h.t.Failed() {
			h.t.Logf("%s:\n%s", heading, output.Bytes())
		}
	})
}

// freePort returns a port that nothing listens on, for a program that must be told
// one.
func freePort(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
