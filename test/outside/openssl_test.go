package outside

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/test/envoy"
)

// openssl runs openssl's client against an address until done holds, and returns
// what it printed. Its standard input stays open as long: at the end of that the
// client leaves, and of TLS 1.3 it would miss the rejection. How it ends is of no
// interest, the server is asked.
func openssl(t *testing.T, address string, done func(printed string) error, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", append([]string{"s_client", "-connect", address}, args...)...)
	var out logtest.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting openssl: %v", err)
	}
	finish := sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("openssl printed:\n%s", printable(out.String()))
		}
	})
	defer finish() // also when done never holds
	envoy.Eventually(t, deadline, "openssl is answered", func() error { return done(out.String()) })
	finish()
	return out.String()
}

// printable shows frames of HTTP/2, which openssl prints as they come, without
// making a test's output a binary file.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, s)
}

const (
	handshakes = "contour_xds_tls_handshakes_total"
	failures   = "contour_xds_tls_handshake_failures_total"
)

// counted is a condition: that as many handshakes have that result.
func (f *fixture) counted(want float64, result string) func(string) error {
	return func(string) error {
		got, err := f.Metric(handshakes, "result", result)
		if err == nil && got < want {
			err = fmt.Errorf("%v handshakes are counted as a %s", got, result)
		}
		return err
	}
}

// refused is a condition: that a handshake failed. One that succeeded ends the test.
func (f *fixture) refused(string) error {
	if n, err := f.Metric(handshakes, "result", "success"); err != nil {
		return err
	} else if n > 0 {
		f.t.Fatal("the server let it in")
	}
	return f.counted(1, "failure")("")
}

// wantRefusedOnce waits for the server to count one failure, and holds it to one of
// that reason, none of another, and nobody let in.
func (f *fixture) wantRefusedOnce(reason string) {
	f.t.Helper()
	envoy.Eventually(f.t, deadline, "the refusal is counted", func() error { return f.refused("") })
	all, err := f.AllSeries(failures)
	if err != nil {
		f.t.Fatal(err)
	}
	var known bool
	for _, series := range all {
		want := 0.0
		if series.Labels["reason"] == reason {
			known, want = true, 1
		}
		if series.Value != want {
			f.t.Errorf("reason %s is counted %v times, want %v", series.Labels["reason"], series.Value, want)
		}
	}
	if !known {
		f.t.Errorf("the server knows no reason %s", reason)
	}
	f.WantMetric(1, handshakes, "result", "failure")
	f.WantMetric(0, handshakes, "result", "success")
	f.WantConnections(0)
}
