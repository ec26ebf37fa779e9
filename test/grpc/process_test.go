package grpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
	"github.com/contour-xds/contour/test/process"
)

// kinds are the clients, by what they are: each makes the command that calls target.
var kinds = map[string]func(t *testing.T, target string) *exec.Cmd{
	"grpc-go": func(t *testing.T, target string) *exec.Cmd {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{clientVariable + "=" + target}
		return cmd
	},
	"grpcio": func(t *testing.T, target string) *exec.Cmd {
		t.Helper()
		return exec.Command(python(t), "-I", "client.py", target)
	},
}

// client is a running client. Its methods are for the goroutine of the test.
type client struct {
	t     *testing.T
	input io.Writer
	// answers is closed when the client's output ends.
	answers chan answer
}

// startClient starts a client of that kind with a bootstrap file, and nothing of
// this process's environment, which might name a proxy. It ends with the test.
func startClient(t *testing.T, kind, bootstrap string) *client {
	t.Helper()
	cmd := kinds[kind](t, "xds:///"+service)
	cmd.Env = append(cmd.Env, "GRPC_XDS_BOOTSTRAP="+bootstrap)
	cmd.SysProcAttr = process.DieWithParent()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the client: %v", err)
	}
	c := &client{t: t, input: input, answers: make(chan answer, 1)}
	go c.read(output)
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("killing the client: %v", err)
		}
		for range c.answers { // Wait may not be called before all is read
		}
		if err := cmd.Wait(); err == nil {
			t.Error("the client ended by itself")
		}
		if t.Failed() {
			t.Logf("the client's standard error:\n%s", stderr.Bytes())
		}
	})
	return c
}

func (c *client) read(output io.Reader) {
	defer close(c.answers)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			a.Error = fmt.Sprintf("reading the client's answer %q: %v", lines.Bytes(), err)
		}
		c.answers <- a
	}
}

// call has the client make one call, and returns what came of it.
func (c *client) call() answer {
	c.t.Helper()
	if _, err := io.WriteString(c.input, "\n"); err != nil {
		c.t.Fatalf("telling the client to call: %v", err)
	}
	select {
	case a, ok := <-c.answers:
		if !ok {
			c.t.Fatal("the client has ended")
		}
		return a
	case <-time.After(callTimeout + deadline):
		c.t.Fatal("the client neither answers nor gives up")
	}
	return answer{}
}

// wantBackend has the client call until that backend answers.
func (c *client) wantBackend(name string) {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, "the client calls backend "+name, func() error {
		if a := c.call(); a.Backend != name {
			return fmt.Errorf("got %+v", a)
		}
		return nil
	})
}
