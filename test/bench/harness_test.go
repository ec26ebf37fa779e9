package bench

import (
	"context"
	"crypto/tls"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// TestServersServeWhatIsMeasured keeps the benchmarks from rotting between two runs
// of them: each kind of server answers as the others that it is compared with do.
func TestServersServeWhatIsMeasured(t *testing.T) {
	dir, client := newFolder(t, certtest.ECDSA, someResources)
	contour := start(t, serverSpec{Kind: contourKind, Dir: dir})
	defer contour.stop()
	want, err := shake(contour.addr, client)
	must(t, err)
	bare := start(t, serverSpec{Kind: bareKind, Dir: dir, AnswerBytes: want})
	defer bare.stop()
	stock := start(t, serverSpec{Kind: stockKind, Dir: dir})
	defer stock.stop()

	for _, s := range []*server{contour, bare, stock} {
		stranger := client.Clone()
		stranger.Certificates = nil
		if _, err := shake(s.addr, stranger); err == nil {
			t.Errorf("%s lets in a client without a certificate", s.kind)
		}
		if used := s.memory(); used.CPU == 0 || used.Heap == 0 || used.Stack == 0 {
			t.Errorf("%s says that it uses %+v", s.kind, used)
		}
	}
	if got, err := shake(bare.addr, client); err != nil || got != want {
		t.Errorf("%s answers with %d bytes, and %s with %d: %v", bare.kind, got, contour.kind, want, err)
	}
	for _, s := range []*server{contour, stock} {
		if n := subscribed(t, s, client); n != 2 {
			t.Errorf("%s serves %d clusters, want 2", s.kind, n)
		}
	}
}

// subscribed returns how many clusters the server has for a client.
func subscribed(t *testing.T, s *server, client *tls.Config) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := connect(ctx, s.addr, client)
	must(t, err)
	defer conn.Close()
	stream, err := openStream(ctx, conn)
	must(t, err)
	response, err := subscribe(stream, clusterURL)
	must(t, err)
	return len(response.GetResources())
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"of none", nil, 0},
		{"of an odd number is the middle one", []float64{9, 1, 5}, 5},
		{"of an even number is between the middle two", []float64{8, 1, 2, 4}, 3},
	} {
		if got := median(row.values); got != row.want {
			t.Errorf("the median %s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestAGoalIsMetOnItsOwnSide(t *testing.T) {
	for _, row := range []struct {
		goal     goal
		met, not float64
	}{
		{atLeast(0.9), 0.9, 0.89},
		{atMost(0.8), 0.8, 0.81},
	} {
		if !row.goal.met(row.met) || row.goal.met(row.not) {
			t.Errorf("%s: %v is to meet it and %v is not", row.goal.text, row.met, row.not)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []float64
		part   float64
		want   float64
	}{
		{"99 of 100 of none", nil, 0.99, 0},
		{"half of an even number", []float64{4, 1, 3, 2}, 0.5, 2},
		{"99 of 100 of a few is all of them", []float64{1, 9, 5}, 0.99, 9},
	} {
		if got := quantile(row.values, row.part); got != row.want {
			t.Errorf("what %s has: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestReportShowsFiguresThatCount(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 0.012345: "0.0123", 1.2345: "1.23", 140207: "140207", 1000: "1000", math.NaN(): "",
	} {
		if got := figure(value); got != want {
			t.Errorf("%v is shown as %q, want %q", value, got, want)
		}
	}
}

func TestReportSaysWhatIsMissed(t *testing.T) {
	var r reported
	r.add("BenchmarkFanOut/delta", comparison{unit: "s", baseline: stockKind, goal: atMost(0.1), base: []float64{2}, ours: []float64{1}})
	r.add("BenchmarkFanOut/delta", comparison{unit: "s", baseline: linearKind, base: []float64{4}, ours: []float64{1}})
	path := filepath.Join(t.TempDir(), "report.md")
	must(t, r.write(path))
	text, err := os.ReadFile(path)
	must(t, err)
	for _, want := range []string{
		"| delta | s | stock-grpc | 2.00 | 1.00 | 0.500 | at most 0.1 | MISSED |\n",
		"| delta | s | linear-cache | 4.00 | 1.00 | 0.250 |  |  |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}
