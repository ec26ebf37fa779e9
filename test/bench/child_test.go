package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A child is a process of this binary that is something else than the tests. It
// answers each line on its standard input with one of JSON, and ends when there are
// no more.
type child struct {
	b       testing.TB
	kind    string
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// launch starts a child, which finds its spec as JSON in the variable. The caller
// stops it.
func launch(b testing.TB, kind, variable string, spec any, env ...string) child {
	b.Helper()
	text, err := json.Marshal(spec)
	must(b, err)
	c := child{b: b, kind: kind, process: exec.Command(os.Args[0])}
	c.process.Env = append(append(os.Environ(), env...), variable+"="+string(text))
	c.process.Stderr = os.Stderr
	c.stdin, err = c.process.StdinPipe()
	must(b, err)
	stdout, err := c.process.StdoutPipe()
	must(b, err)
	c.stdout = bufio.NewReader(stdout)
	must(b, c.process.Start())
	return c
}

// stop ends the process, if it was not killed.
func (c *child) stop() {
	c.b.Helper()
	if c.process.ProcessState != nil {
		return
	}
	_ = c.stdin.Close()
	if err := c.process.Wait(); err != nil {
		c.b.Errorf("the process %s: %v", c.kind, err)
	}
}

// kill ends the process without a word, as `kill -9` does.
func (c *child) kill() {
	c.b.Helper()
	must(c.b, c.process.Process.Kill())
	_ = c.process.Wait() // which says that it was killed
	_ = c.stdin.Close()
}

// say is what the process has to say next, without having been asked.
func (c *child) say() string {
	c.b.Helper()
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		_ = c.process.Process.Kill() // a child that broke down must not outlive the tests
		_ = c.process.Wait()
		c.b.Fatalf("reading from the process %s: %v", c.kind, err)
	}
	return strings.TrimSpace(line)
}

// ask asks the process for something and stores what it answers in answer.
func (c *child) ask(answer any, what ...any) {
	c.b.Helper()
	_, _ = fmt.Fprintln(c.stdin, what...) // a failure shows when the answer is read
	must(c.b, json.Unmarshal([]byte(c.say()), answer))
}

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
