package bench

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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
	// Allocations is how often it took memory from the heap.
	Allocations uint64
	// Heap and Stack are the bytes of spans in use after a collection, Resident is
	// the process's memory as the kernel counts it, 0 where that is not known.
	Heap, Stack, Resident uint64
	// Published is when it began to publish, if it was told to.
	Published time.Time
}

// beServer serves on loopback and says where, when all is loaded, until its
// standard input ends.
func beServer(given string) error {
	var spec serverSpec
	if err := json.Unmarshal([]byte(given), &spec); err != nil {
		return fmt.Errorf("reading %s: %w", serverVariable, err)
	}
	listener, err := net.Listen("tcp", cmp.Or(spec.Addr, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	profile, err := spec.profile()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready := func(publish func() error) {
		fmt.Fprintln(os.Stdout, listener.Addr())
		go func() {
			defer cancel()
			obey(publish, profile)
		}()
	}
	if err := spec.serve(ctx, listener, ready); err != nil {
		return fmt.Errorf("serving as %s: %w", spec.Kind, err)
	}
	return profile.close()
}

// obey does what the lines on standard input say, until they end.
func obey(publish func() error, profile *profile) {
	answers := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		begin := time.Now()
		if lines.Text() == "publish" {
			if err := publish(); err != nil {
				fmt.Fprintln(os.Stderr, "publishing:", err)
				return
			}
		}
		u := used(lines.Text() == "memory")
		u.Published = begin
		if err := answers.Encode(u); err != nil {
			return // nobody is left to ask
		}
		if lines.Text() != "publish" {
			profile.heap()
		}
	}
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
	allocations := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(allocations)
	u.Allocations = allocations[0].Value.Uint64()
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
	child
	addr string
}

// start starts a server and returns when it listens. The caller stops it.
func start(b testing.TB, spec serverSpec, env ...string) *server {
	b.Helper()
	spec.Profiles = *profiles
	s := &server{child: launch(b, spec.Kind, serverVariable, spec, env...)}
	s.addr = s.say()
	return s
}

// usage asks the server for what it has used, but not for its memory.
func (s *server) usage() usage { return s.told("usage") }

// cpu asks the server for its processor time.
func (s *server) cpu() time.Duration { return s.usage().CPU }

// memory asks the server for its memory after a collection.
func (s *server) memory() usage { return s.told("memory") }

// publish has the server publish that one resource changed.
func (s *server) publish() usage { return s.told("publish") }

func (s *server) told(what string) usage {
	s.b.Helper()
	var u usage
	s.ask(&u, what)
	return u
}
