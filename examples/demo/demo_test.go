//go:build unix

// Package demo_test runs the demo as a person does.
package demo_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/logtest"
)

// demo returns `make demo`, in a process group of its own as in a terminal, so
// that it can be interrupted as Ctrl-C does it.
func demo(arguments ...string) (*exec.Cmd, *logtest.Buffer) {
	said := &logtest.Buffer{}
	cmd := exec.Command("make", append([]string{"-C", "../..", "demo"}, arguments...)...)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, variable := range os.Environ() {
		// This test may itself run below make.
		if !strings.HasPrefix(variable, "MAKE") && !strings.HasPrefix(variable, "MFLAGS") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd, said
}

var started = regexp.MustCompile(`started (\w+) \(process (\d+)\)`)

// leavesNothing checks that the three programs that the demo started are gone.
func leavesNothing(t *testing.T, said string) {
	t.Helper()
	found := started.FindAllStringSubmatch(said, -1)
	if len(found) != 3 {
		t.Errorf("the demo started %d programs, not an upstream, contour and Envoy:\n%s", len(found), said)
	}
	for _, program := range found {
		pid, err := strconv.Atoi(program[2])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("%s (process %d) is left running", program[1], pid)
		}
	}
}

func TestDemoShowsAllOfIt(t *testing.T) {
	cmd, said := demo()
	if err := cmd.Run(); err != nil {
		t.Fatalf("make demo: %v\n%s", err, said)
	}
	for _, want := range []string{
		`/hello answers "hello from contour"`,
		`/ answers "hello from the upstream"`,
		`saw: https://localhost:`,
		"a secret that came over SDS",
		`/hello answers "hello again, from another route"`,
		`a client with no certificate is refused, and counted as "no_certificate"`,
		`a client with a certificate of another CA is refused, and counted as "unknown_ca"`,
		`contour_xds_tls_handshake_failures_total{reason="no_certificate"} 1`,
		`contour_xds_tls_handshake_failures_total{reason="unknown_ca"} 1`,
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
	leavesNothing(t, said.String())
	if t.Failed() {
		t.Log(said)
	}
}

func TestDemoThatIsHeldEndsAtCtrlC(t *testing.T) {
	cmd, said := demo("HOLD=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(5 * time.Minute) // a build may come first
	for interrupted := false; ; {
		select {
		case err := <-ended:
			if !interrupted {
				t.Fatalf("the demo ended by itself: %v\n%s", err, said)
			}
			leavesNothing(t, said.String())
			return
		case <-deadline:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Fatalf("the demo did not get there, or did not end:\n%s", said)
		case <-time.After(50 * time.Millisecond):
			if !interrupted && strings.Contains(said.String(), "logs  ") {
				interrupted = true
				if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
