package howto_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
	"github.com/contour-xds/contour/test/envoy"
)

// printed are the commands that contour certgen prints, each of some lines.
var printed = regexp.MustCompile(`(?m)^  contour (.*\\\n)*.*$`)

// TestWhatCertgenPrintsNeedsNoRestart starts both sides with the commands as they are
// printed, and renews: both have what is new, and neither was restarted.
func TestWhatCertgenPrintsNeedsNoRestart(t *testing.T) {
	withContour(t)
	for name, dir := range map[string]string{
		"a relative path":           "certificates",
		"a path that a shell parts": `"$PWD/certificates"`,
	} {
		t.Run(name, func(t *testing.T) {
			p := &pair{t: t, root: filepath.Join(t.TempDir(), "it's a folder")}
			resources := filepath.Join(p.root, "resources")
			if err := os.MkdirAll(resources, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(resources, "none.yaml"), "resources: []")
			said, err := p.shell("contour certgen " + dir).Output()
			if err != nil {
				t.Fatal(err)
			}
			commands := printed.FindAllString(string(said), -1)
			if len(commands) != 2 {
				t.Fatalf("%d commands are in\n%s", len(commands), said)
			}
			p.c = contourtest.StartCommand(t, p.shell("exec"+commands[0]))
			t.Setenv("ENVOY_XDS_PORT", p.c.XDSPort())
			t.Setenv("ENVOY_ADMIN_PORT", "0")
			if out, err := p.shell(commands[1]).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			p.e = envoy.Start(t, filepath.Join(p.root, "envoy.yaml"), envoy.Options{Dir: p.root})
			envoy.Eventually(t, deadline, "both have their files", p.over)
			if out, err := p.shell("contour certgen renew " + dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			envoy.Eventually(t, deadline, "both have what is renewed", p.over)
		})
	}
}

// shell is a command that is run where both sides are.
func (p *pair) shell(command string) *exec.Cmd {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", command)
	cmd.Dir = p.root
	return cmd
}
