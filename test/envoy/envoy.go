// Package envoy runs a real Envoy in tests: it installs the binary, starts it on
// a bootstrap, asks its admin interface what it has taken, and ends it.
//
// Everything belongs to the test that starts it and ends with it. A test that
// cannot have its Envoy fails; none is skipped.
package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/process"
)

const (
	startTimeout = 30 * time.Second
	// stopTimeout is how long Envoy may take to end before it is killed. It needs
	// milliseconds, under the race detector of a busy machine a second.
	stopTimeout = 10 * time.Second
)

// Options vary how Envoy is started. The zero value is what most tests want.
type Options struct {
	// Version is that of a requirements file of this folder. Optional: empty means
	// [Version].
	Version string
	// ComponentLogLevel is Envoy's own option, such as "connection:debug". Optional:
	// empty means level info throughout.
	ComponentLogLevel string
	// Dir is the working directory, which relative paths of the bootstrap are
	// relative to. Optional: empty means that of the test.
	Dir string
	// Args are further arguments. Optional.
	Args []string
}

// Envoy is a running Envoy. Its methods are for the goroutine of the test alone,
// except those of [Admin].
type Envoy struct {
	*Admin

	t       testing.TB
	cmd     *exec.Cmd
	logPath string
	// ended is closed after the process has ended; from then on, cmd has its state.
	ended chan struct{}
	stop  sync.Once
}

// Start starts Envoy on the bootstrap at that path, and returns when its admin
// interface can be asked, which is before it has any dynamic configuration. The
// bootstrap's admin port may be 0. When the test ends, so does Envoy, and the end
// of its log is shown if the test failed. An Envoy that ends by itself fails the
// test.
func Start(t testing.TB, bootstrap string, opts Options) *Envoy {
	t.Helper()
	binary := Binary(t, opts.Version)
	bootstrap, err := filepath.Abs(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	addressPath := filepath.Join(dir, "admin-address")
	e := &Envoy{t: t, logPath: filepath.Join(dir, "envoy.log"), ended: make(chan struct{})}
	e.run(binary, opts, "--config-path", bootstrap, "--admin-address-path", addressPath)

	Eventually(t, startTimeout, "Envoy's admin interface", func() error {
		if err := e.running(); err != nil {
			return err
		}
		// Envoy writes the file in one go, after it has bound the address.
		address, err := os.ReadFile(addressPath)
		if err != nil {
			return err
		}
		e.Admin = newAdmin(string(address))
		_, err = e.ServerInfo()
		return err
	})
	return e
}

// run starts the process and its only goroutine, which ends when the process has.
func (e *Envoy) run(binary string, opts Options, args ...string) {
	e.t.Helper()
	log, err := os.Create(e.logPath)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()

	// Without hot restart an Envoy shares nothing with its neighbours on the machine,
	// so it needs no base id of its own: a dynamic one would be left in shared memory
	// by an Envoy that was killed.
	args = append(args, "--concurrency", "1", "--disable-hot-restart")
	if opts.ComponentLogLevel != "" {
		args = append(args, "--component-log-level", opts.ComponentLogLevel)
	}
	cmd := exec.Command(binary, append(args, opts.Args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = opts.Dir, log, log
	cmd.SysProcAttr = process.DieWithParent()
	if err := cmd.Start(); err != nil {
		e.t.Fatalf("starting Envoy: %v", err)
	}
	e.cmd = cmd
	go func() {
		defer close(e.ended)
		_ = cmd.Wait() // the state of the process says the same
	}()
	e.t.Cleanup(e.finish)
}

func (e *Envoy) finish() {
	e.Stop()
	if e.t.Failed() {
		e.t.Logf("the end of Envoy's log:\n%s", e.Log())
	}
}

// Stop ends Envoy and waits until it has ended. Further calls do nothing.
func (e *Envoy) Stop() {
	e.t.Helper()
	e.stop.Do(func() {
		if err := e.running(); err != nil {
			e.t.Error(err)
			return
		}
		if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			e.t.Errorf("stopping Envoy: %v", err)
		}
		select {
		case <-e.ended:
			if !e.cmd.ProcessState.Success() {
				e.t.Errorf("stopping Envoy: it ended with %v", e.cmd.ProcessState)
			}
		case <-time.After(stopTimeout):
			e.t.Errorf("stopping Envoy: it did not end within %v of SIGTERM and is killed", stopTimeout)
			e.kill()
		}
	})
}

// Kill ends Envoy as a crash would. A later Stop does nothing.
func (e *Envoy) Kill() {
	e.t.Helper()
	e.stop.Do(e.kill)
}

func (e *Envoy) kill() {
	if err := e.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		e.t.Errorf("killing Envoy: %v", err)
	}
	<-e.ended
}

// running is an error that says how Envoy ended, once it has.
func (e *Envoy) running() error {
	select {
	case <-e.ended:
		return permanent{fmt.Errorf("envoy ended by itself: %v", e.cmd.ProcessState)}
	default:
		return nil
	}
}

// WaitReady waits until Envoy has its configuration and serves.
func (e *Envoy) WaitReady(deadline time.Duration) {
	e.t.Helper()
	Eventually(e.t, deadline, "Envoy is ready", func() error {
		if err := e.running(); err != nil {
			return err
		}
		return e.Ready()
	})
}

// WaitEnded waits until Envoy has ended, for whatever reason.
func (e *Envoy) WaitEnded(deadline time.Duration) {
	e.t.Helper()
	select {
	case <-e.ended:
	case <-time.After(deadline):
		e.t.Fatalf("waiting for Envoy to end: it has not within %v", deadline)
	}
}

// Validate has Envoy check the bootstrap at that path, as --mode validate does:
// everything but reaching other machines. The error is what Envoy says of it. An
// empty version means [Version].
func Validate(t testing.TB, version, bootstrap string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(t, version),
		"--mode", "validate", "--config-path", bootstrap, "--log-level", "error", "--disable-hot-restart")
	cmd.SysProcAttr = process.DieWithParent()
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		t.Fatalf("running Envoy: %v", err)
	}
	return fmt.Errorf("validating %q: %s: %w", bootstrap, strings.TrimSpace(redact(out)), err)
}
