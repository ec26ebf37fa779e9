package bench

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// rounds is how many measurements of each side a median is of. One more goes before
// them, as a warm-up.
const rounds = 5

// A goal is what a ratio is to be. It is printed beside it. The zero goal is none.
type goal struct {
	// text says it, "at least 0.9" say.
	text string
	met  func(ratio float64) bool
}

func atLeast(limit float64) goal {
	return goal{fmt.Sprint("at least ", limit), func(ratio float64) bool { return ratio >= limit }}
}

func atMost(limit float64) goal {
	return goal{fmt.Sprint("at most ", limit), func(ratio float64) bool { return ratio <= limit }}
}

func within(low, high float64) goal {
	return goal{fmt.Sprintf("between %v and %v", low, high), func(ratio float64) bool { return low <= ratio && ratio <= high }}
}

// A comparison is a quantity of ours and of a baseline, measured by turns.
type comparison struct {
	// unit is the name of the quantity in the printed metrics.
	unit string
	// baseline is the name of what ours is compared with.
	baseline string
	goal     goal
	// absolute says that the goal is of ours, and not of the ratio.
	absolute bool

	base, ours []float64
}

// add adds what one round measured.
func (c *comparison) add(base, ours float64) {
	c.base, c.ours = append(c.base, base), append(c.ours, ours)
}

func (c *comparison) ratio() float64 { return median(c.ours) / median(c.base) }

// report prints both medians and their ratio, and says whether the goal is met.
func (c *comparison) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(median(c.base), c.baseline+"-"+c.unit)
	b.ReportMetric(median(c.ours), "contour-"+c.unit)
	judged, of := "ratio-"+c.unit, c.ratio()
	if c.goal.met == nil {
		judged += "-to-" + c.baseline // there is another one of the quantity, which has a goal
	}
	if !math.IsNaN(c.ratio()) && !math.IsInf(c.ratio(), 0) {
		b.ReportMetric(c.ratio(), judged)
	}
	if c.absolute {
		judged, of = "contour-"+c.unit, median(c.ours)
	}
	logGoal(b, judged, of, c.goal)
	results.add(b.Name(), *c)
}

func logGoal(b *testing.B, name string, value float64, g goal) {
	b.Helper()
	if g.met != nil {
		b.Logf("%s %.3f, goal %s: %s", name, value, g.text, g.verdict(value))
	}
}

func (g goal) verdict(value float64) string {
	switch {
	case g.met == nil:
		return ""
	case g.met(value):
		return "met"
	default:
		return "MISSED"
	}
}

// compare measures the baseline and ours by turns, and reports the comparisons of
// what each call returns. Which of the two begins changes with every round, so that
// neither has always the warmer machine.
func compare(b *testing.B, baseline, ours func() []float64, of ...*comparison) {
	b.Helper()
	inRounds(b, func(round int) {
		var base, our []float64
		if round%2 == 0 {
			base, our = baseline(), ours()
		} else {
			our, base = ours(), baseline()
		}
		if round == warmUp {
			return
		}
		for i, c := range of {
			c.add(base[i], our[i])
		}
	})
	for _, c := range of {
		c.report(b)
	}
}

// inTurns measures each side once a round, and returns what they measured: by side,
// by quantity and by round. Which one begins changes with every round. There is no
// warm-up: each measurement is of processes that are new, and has its own.
func inTurns(b *testing.B, sides ...func() []float64) [][][]float64 {
	b.Helper()
	b.Logf("%d processors, load %s", runtime.NumCPU(), loadAverage())
	measured := make([][][]float64, len(sides))
	for b.Loop() {
		for round := range rounds {
			for i := range sides {
				side := (round + i) % len(sides)
				for quantity, value := range sides[side]() {
					if quantity == len(measured[side]) {
						measured[side] = append(measured[side], nil)
					}
					measured[side][quantity] = append(measured[side][quantity], value)
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	return measured
}

// warmUp is the number of the round whose results are thrown away.
const warmUp = 0

// inRounds says what the machine is like and does the warm-up and then the rounds,
// which together are one operation of the benchmark.
func inRounds(b *testing.B, do func(round int)) {
	b.Helper()
	b.Logf("%d processors, load %s", runtime.NumCPU(), loadAverage())
	do(warmUp)
	for b.Loop() {
		for round := range rounds {
			do(warmUp + 1 + round)
		}
	}
	b.ReportMetric(0, "ns/op") // printed otherwise, and says only how long the rounds were
}

// loadAverage is the load of the machine before a benchmark, which tells how far
// its numbers can be trusted.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}

// median is the middle one of values, or 0 of none. It leaves them as they are.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile is the smallest of values that at least this part of them does not
// exceed, or 0 of none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}
