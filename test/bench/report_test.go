package bench

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// results are what the benchmarks of this run came to, in their order.
var results reported

// A reported is the rows of a report.
type reported struct {
	load string // when the first one was done
	rows []row
}

// A row is one comparison of one benchmark.
type row struct {
	benchmark string
	comparison
}

func (r *reported) add(benchmark string, c comparison) {
	r.load = cmp.Or(r.load, loadAverage())
	r.rows = append(r.rows, row{strings.TrimPrefix(benchmark, "Benchmark"), c})
}

// sections are what the report says of each benchmark.
var sections = []struct{ benchmark, title, text string }{
	{"FanOut", "One changed cluster, pushed to every client", `Each client has a mutual TLS connection and an aggregated stream with a wildcard subscription to clusters, and accepts each response.
A change is published inside of the servers, so that reading files is no part of it.
The time is until half, or 99 of 100, of the clients have the response.
A cold client is one that connects, is served all clusters for the first time, and accepts them; all connect at once.
`},
	{"Restart", "A server that is killed, and its clients coming back", `The clients speak the delta variant, have everything, and connect all at once when the new process listens.
They say what they have, and are served when the server has answered the last of their subscriptions.
`},
	{"Reload", "A file that changes", `Of a folder of 10,000 clusters in 100 files, one file is written anew, in which one cluster differs.
That is read and published in the process itself; a start reads and publishes all of it.
The bytes are those of the heap, for each of the clusters.
`},
	{"FleetMemory", "Memory of a connected client", `Heap and stacks in use after a collection, for each client that has all clusters.
`},
	{"Handshakes", "Handshakes", `Full mutual handshakes, on as many connections as keep the machine busy.
`},
	{"Door", "The door's own work", `What limits and counts handshakes, by itself and as part of a handshake without it; and a handshake with it against one without.
The second has in it what is hard to tell from noise: that the door's code and memory are no longer in the processor's caches when a handshake comes back to it.
`},
	{"Memory", "Memory of a connection", `Of a connection that says nothing, and of one with a stream and two clusters.
`},
	{"Throughput", "Large messages", `A response of 8 MiB, and a request of 3 MiB.
`},
}

// write writes the report to a file.
func (r *reported) write(path string) error {
	var text strings.Builder
	fmt.Fprintf(&text, `# Benchmarks

`+"`make bench`"+` writes this page; do not edit it.
Baselines and contour were measured by turns in one run, in processes of their own, and each number is a median of %d rounds.
A ratio is contour's median over the baseline's, and is what carries over to other machines; a row without a goal is there for comparison.

The baselines: stock-grpc is gRPC with its defaults and go-control-plane's server with a SnapshotCache, one snapshot shared by all clients;
linear-cache is the same with a LinearCache;
bare-tls is crypto/tls and no more: as many bytes, with no protocol above.

The machine: %d processors, %s/%s, %s, load %s at the first result and %s at the last.
In the benchmarks of fleets, which have %d clients and %d clusters unless a row says otherwise, server and clients had half of the processors each.
%s`, rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), r.load, loadAverage(), *clients, *clusters, underPolicy())
	for _, section := range sections {
		if rows := r.of(section.benchmark); len(rows) > 0 {
			fmt.Fprintf(&text, "\n## %s\n\n%s\n%s", section.title, section.text, table(rows))
		}
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

// underPolicy says under what access policy it was measured, if there was one.
func underPolicy() string {
	if *identities == 0 {
		return ""
	}
	return fmt.Sprintf("Contour had an access policy with a rule for each of %d identities in %d groups, each of which grants a secret of its own, and each client an identity.\n",
		*identities, groupsOfIdentities)
}

func (r *reported) of(benchmark string) []row {
	var rows []row
	for _, one := range r.rows {
		if name, _, _ := strings.Cut(one.benchmark, "/"); name == benchmark {
			rows = append(rows, one)
		}
	}
	return rows
}

func table(rows []row) string {
	var text strings.Builder
	text.WriteString("| case | quantity | baseline | of the baseline | of contour | ratio | goal | |\n|---|---|---|--:|--:|--:|---|---|\n")
	for _, r := range rows {
		_, name, _ := strings.Cut(r.benchmark, "/")
		goal, of := r.goal.text, r.ratio()
		if r.absolute {
			goal, of = "contour "+goal, median(r.ours)
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name, r.unit, r.baseline,
			figure(median(r.base)), figure(median(r.ours)), figure(r.ratio()), goal, r.goal.verdict(of))
	}
	return text.String()
}

// figure is a number with three digits that count, and without an exponent; a ratio
// of nothing to nothing is none.
func figure(value float64) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return ""
	case value == 0:
		return "0"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(value)))))
	return strconv.FormatFloat(value, 'f', digits, 64)
}
