package credentials_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/process"
)

// writes are what a writer does that writes each file in two parts, in place: every
// state of the three files that it goes through. $1 is the folder of what is new, and
// $2 of what is served.
const writes = `: > $2/tls.crt
head -c 300 $1/tls.crt > $2/tls.crt
cat $1/tls.crt > $2/tls.crt
: > $2/tls.key
head -c 100 $1/tls.key > $2/tls.key
cat $1/tls.key > $2/tls.key
: > $2/ca.pem
head -c 300 $1/ca.pem > $2/ca.pem`

// lastWrite is the one after which the new generation stands.
const lastWrite = `cat $1/ca.pem > $2/ca.pem`

// TestWatchServesOnWhenItsWriterIsKilled ends a writer by SIGKILL after each of its
// writes, and then has another one begin anew, as the writer's own supervisor would.
func TestWatchServesOnWhenItsWriterIsKilled(t *testing.T) {
	t.Parallel()
	steps := strings.Split(writes, "\n")
	for n := range steps {
		t.Run(fmt.Sprintf("after %d writes", n+1), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, certtest.Server())
			w := newWatch(t, f)
			next, from := newGeneration(t), t.TempDir()
			certtest.WriteFiles(t, from, next.ca, next.pair)

			killedAfter(t, strings.Join(steps[:n+1], "\n"), from, filepath.Dir(f.files.CA))
			w.wantRefused(f, "can't be used")

			run := exec.Command("sh", "-c", writes+"\n"+lastWrite, "writer", from, filepath.Dir(f.files.CA))
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			w.wantTaken(1)
			w.wantServed(next.ca, next.pair)
		})
	}
}

// killedAfter runs a writer that stops after some writes, and kills it there.
func killedAfter(t *testing.T, script, from, to string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script+"\necho written; read forever", "writer", from, to)
	cmd.SysProcAttr = process.DieWithParent()
	stdin, err := cmd.StdinPipe() // which is never written to, so that it waits
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // which says that it was killed
	if line != "written\n" {
		t.Fatalf("the writer says %q, %v", line, err)
	}
}
