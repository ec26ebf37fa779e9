package bench

import (
	"context"
	"crypto/tls"
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
