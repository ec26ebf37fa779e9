package release

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// programs are what start-up is measured with.
type programs struct{ contour, empty string }

// buildPrograms builds contour as it is shipped, and a Go program that does
// nothing, by which a slow machine is told from a slow start.
func buildPrograms(tb testing.TB) programs {
	tb.Helper()
	dir := tb.TempDir()
	p := programs{contour: filepath.Join(dir, "contour"), empty: filepath.Join(dir, "empty")}
	source := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	for out, pkg := range map[string]string{p.contour: root + "/cmd/contour", p.empty: source} {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("%v\n%s", err, text)
		}
	}
	return p
}

// startUps are the times that one round of starts took.
type startUps struct {
	// empty is of the program that does nothing, and version of `contour version`:
	// by its end every message type is registered.
	empty, version time.Duration
	// serve is until contour listens, with the resources of examples.
	serve time.Duration
}

// start takes the times in turn, so that what slows the machine slows all three.
func (p programs) start(tb testing.TB) startUps {
	tb.Helper()
	return startUps{empty: untilEnd(tb, p.empty), version: untilEnd(tb, p.contour, "version"), serve: p.untilServing(tb)}
}

func untilEnd(tb testing.TB, program string, args ...string) time.Duration {
	tb.Helper()
	begin := time.Now()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	return time.Since(begin)
}

// untilServing starts a server, waits for the line that says that it serves, and
// ends it.
func (p programs) untilServing(tb testing.TB) time.Duration {
	tb.Helper()
	cmd := exec.Command(p.contour, "serve", "--insecure", "--resources", root+"/examples/resources", "--xds-port", "0", "--metrics-port", "0")
	log, err := cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var seen strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "msg=serving ") {
			return time.Since(begin)
		}
		seen.WriteString(lines.Text() + "\n")
	}
	tb.Fatalf("contour serve ended before it served:\n%s", seen.String())
	return 0
}

// median of one of the times over all rounds. A round that the machine
// interrupted does not count in it.
func median(rounds []startUps, of func(startUps) time.Duration) time.Duration {
	times := make([]time.Duration, len(rounds))
	for i, round := range rounds {
		times[i] = of(round)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func emptyTime(s startUps) time.Duration   { return s.empty }
func versionTime(s startUps) time.Duration { return s.version }
func serveTime(s startUps) time.Duration   { return s.serve }

// BenchmarkStartUp reports the medians of a round, and how many times that of an
// empty program contour's own start takes.
func BenchmarkStartUp(b *testing.B) {
	programs := buildPrograms(b)
	var rounds []startUps
	for b.Loop() {
		rounds = append(rounds, programs.start(b))
	}
	milliseconds := func(of func(startUps) time.Duration) float64 { return median(rounds, of).Seconds() * 1000 }
	b.ReportMetric(milliseconds(emptyTime), "ms/empty")
	b.ReportMetric(milliseconds(versionTime), "ms/version")
	b.ReportMetric(milliseconds(serveTime), "ms/serve")
	b.ReportMetric(milliseconds(versionTime)/milliseconds(emptyTime), "version/empty")
	b.ReportMetric(0, "ns/op") // of three programs together it says nothing
}
