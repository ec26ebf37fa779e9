package outside

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sslyzeVersion is that of a requirements file of this folder. The Makefile reads
// it here, to install sslyze before the tests' own deadline runs.
const sslyzeVersion = "6.3.1"

// checks are what sslyze scans for. Left out are TLS 1.3 early data, for which it
// needs a server of HTTP/1.1 (no ticket is ever given out here, without which
// there is none), and headers of HTTP.
var checks = []string{
	"--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3",
	"--certinfo", "--compression", "--elliptic_curves", "--ems", "--fallback",
	"--heartbleed", "--openssl_ccs", "--reneg", "--resum", "--robot",
}

// installed is what install returned.
var installed = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("./install", sslyzeVersion).Output()
	return strings.TrimSpace(string(out)), err
})

func sslyze(t *testing.T) string {
	t.Helper()
	path, err := installed()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output wraps nothing
		t.Fatalf("installing sslyze: %v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("installing sslyze: %v", err)
	}
	return path
}

// scan runs sslyze against a server and returns its report, as JSON. It connects a
// thousand times, a few at once.
func scan(t *testing.T, address string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), 4*deadline)
	defer cancel()
	// Mozilla's profiles want a certificate of a public CA.
	args = append([]string{"--quiet", "--mozilla_config", "disable", "--slow_connection", "--json_out", path}, args...)
	cmd := exec.CommandContext(ctx, sslyze(t), append(args, address)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("sslyze: %v\n%s", err, out.Bytes())
	}
	data, err := os.ReadFile(path)
	if err != nil { // a flag that it does not know is no failure to sslyze
		t.Fatalf("sslyze wrote no report: %v\n%s", err, out.Bytes())
	}
	return data
}
