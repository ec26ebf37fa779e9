package kubernetes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program that a test started, and that ends with the test.
type process struct {
	t       *testing.T
	name    string
	cmd     *exec.Cmd
	logPath string
	// ended is closed after the process has ended, and waitErr says how.
	ended   chan struct{}
	waitErr error
}

// startProcess starts a program under a user, nil for that of the test, with no
// environment but env.
func startProcess(t *testing.T, name string, user *syscall.Credential, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, logPath: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})}
	log, err := os.Create(p.logPath)
	must(t, err)
	defer log.Close()
	p.cmd = exec.Command(program, args...)
	p.cmd.Env, p.cmd.Dir = env, "/"
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = attributes(user)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.waitErr = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.finish)
	return p
}

func (p *process) finish() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-p.ended
	if p.t.Failed() {
		log := p.log()
		p.t.Logf("the end of the log of %s:\n%s", p.name, log[max(0, len(log)-8<<10):])
	}
}

func (p *process) log() string {
	data, err := os.ReadFile(p.logPath)
	if err != nil {
		p.t.Error(err)
	}
	return string(data)
}

// wait waits until the process has ended, and returns how.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.waitErr
	case <-time.After(deadline):
		p.t.Fatalf("%s does not end", p.name)
		return nil
	}
}

// terminate asks the process to end, as the kubelet does after preStop.
func (p *process) terminate() {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	if err := p.wait(); err != nil {
		p.t.Errorf("%s ended with %v", p.name, err)
	}
}
