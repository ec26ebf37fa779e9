package howto_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	contourtest "github.com/contour-xds/contour/test/contour"
)

const fleetStatus = "fleet-status.md"

// TestTheStatusOfAFleetIsSeenAsItIsWritten runs the commands of the page where one contour
// is both that it names, beside the access policy of the page.
func TestTheStatusOfAFleetIsSeenAsItIsWritten(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", filepath.Dir(contourtest.Binary(t))+":"+os.Getenv("PATH"))
	certgen := exec.Command("contour", "certgen", "certificates")
	certgen.Dir = dir
	if out, err := certgen.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(fleetStatus)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	policy, _, _ := strings.Cut(rest, "```")
	write(t, filepath.Join(dir, "policy.yaml"), policy)
	set := files(filepath.Join(dir, "certificates"), "contour")
	server := contourtest.Start(t, "--resources", "../../examples/resources", "--access-policy", filepath.Join(dir, "policy.yaml"),
		"--contour-cafile", set.CA.Path, "--contour-mtls-cert", set.Cert.Path, "--contour-mtls-key", set.Key.Path)
	const nobody = "0 clients of 2 servers"
	for heading, want := range map[string]string{
		"## With the CA of contour certgen": nobody,
		"## With a certificate of its own":  nobody,
		"## As JSON":                        "",
	} {
		got := run(t, dir, fleetStatus, heading, "contour-0:8001", server.XDS, "contour-1:8001", server.XDS)
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q prints\n%s", heading, got)
		}
	}
	server.WantMetric(0, "contour_xds_denied_total", "reason", "status_forbidden")
}
