package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverVariable holds the [serverSpec] of a process of this binary that is to be a
// server instead of the tests.
const serverVariable = "CONTOUR_BENCH_SERVER"

// usage is what a server's process has used. It answers every line on its standard
// input with one.
type usage struct {
	// CPU is the time of all its threads, in the kernel too.
	CPU time.Duration
	// Heap and Stack are the bytes of spans in use after a collection, Resident is
	// the process's memory as the kernel counts it, 0 where that is not known.
	Heap, Stack, Resident uint64
}

// beServer serves on a free port of loopback, which it prints, until its standard
// input ends.
func beServer(given string) error {
	var spec serverSpec
	if err := json.Unmarshal([]byte(given), &spec); err != nil {
		return fmt.Errorf("reading %s: %w", serverVariable, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, listener.Addr())
	profile, err := spec.profile()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		answers := json.NewEncoder(os.Stdout)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			err := answers.Encode(used(lines.Text() == "memory"))
			if err != nil {
				return // nobody is left to ask
			}
			profile.heap()
		}
	}()
	if err := spec.serve(ctx, listener); err != nil {
		return fmt.Errorf("serving as %s: %w", spec.Kind, err)
	}
	return profile.close()
}

// used is the usage of this process. Memory is told only when asked for, since the
// collections that go before it take processor time.
func used(memory bool) usage {
	var u usage
	if memory {
		// Twice, so that what the first one has finalized is gone, and gone from the
		// kernel's count as well.
		runtime.GC()
		debug.FreeOSMemory()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		u.Heap, u.Stack, u.Resident = stats.HeapInuse, stats.StackInuse, resident()
	}
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u
}

func resident() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseUint(fields[0], 10, 64)
	return kib << 10
}

// server is a server in a process of its own.
type server struct {
	b       testing.TB
	kind    string
	addr    string
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// start starts a server and returns when it listens. The caller stops it.
func start(b testing.TB, spec serverSpec) *server {
	b.Helper()
	spec.Profiles = *profiles
	text, err := json.Marshal(spec)
	must(b, err)
	s := &server{b: b, kind: spec.Kind, process: exec.Command(os.Args[0])}
	s.process.Env = append(os.Environ(), serverVariable+"="+string(text))
	s.process.Stderr = os.Stderr
	s.stdin, err = s.process.StdinPipe()
	must(b, err)
	stdout, err := s.process.StdoutPipe()
	must(b, err)
	s.stdout = bufio.NewReader(stdout)
	must(b, s.process.Start())
	line, err := s.stdout.ReadString('\n')
	must(b, err)
	s.addr = strings.TrimSpace(line)
	return s
}

// stop ends the process.
func (s *server) stop() {
	s.b.Helper()
	_ = s.stdin.Close()
	if err := s.process.Wait(); err != nil {
		s.b.Errorf("the server %s: %v", s.kind, err)
	}
}

// cpu asks the server for its processor time.
func (s *server) cpu() time.Duration { return s.ask("cpu").CPU }

// memory asks the server for its memory after a collection.
func (s *server) memory() usage { return s.ask("memory") }

func (s *server) ask(what string) usage {
	s.b.Helper()
	fmt.Fprintln(s.stdin, what)
	line, err := s.stdout.ReadBytes('\n')
	must(s.b, err)
	var u usage
	must(s.b, json.Unmarshal(line, &u))
	return u
}

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
