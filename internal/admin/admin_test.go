package admin_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/contour-xds/contour/internal/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves until the returned function is called, which returns Serve's
// error.
func start(t *testing.T) (s *admin.Server, url string, stop func() error) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "contour_example_total", Help: "An example."})
	registry.MustRegister(counter)
	s = admin.New(registry, slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	stop = func() error { cancel(); return <-done }
	return s, "http://" + listener.Addr().String(), stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestHealthAndReadinessAreTwoQuestions(t *testing.T) {
	s, url, stop := start(t)
	for _, row := range []struct {
		ready bool
		want  int
	}{{false, 503}, {true, 200}, {false, 503}} {
		s.SetReady(row.ready)
		if code, _ := get(t, url+"/readyz"); code != row.want {
			t.Errorf("ready %v: /readyz answers %d, want %d", row.ready, code, row.want)
		}
		if code, _ := get(t, url+"/healthz"); code != 200 {
			t.Errorf("ready %v: /healthz answers %d", row.ready, code)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestMetricsAreServedAndNothingElse(t *testing.T) {
	_, url, stop := start(t)
	const want = "# HELP contour_example_total An example.\n# TYPE contour_example_total counter\ncontour_example_total 0\n"
	if code, body := get(t, url+"/metrics"); code != 200 || body != want {
		t.Errorf("/metrics answers %d, %q", code, body)
	}
	if code, _ := get(t, url+"/debug/pprof/"); code != 404 {
		t.Errorf("/debug/pprof/ answers %d", code)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServeEndsThoughAClientHoldsItsConnection(t *testing.T) {
	_, url, stop := start(t)
	conn, err := net.Dial("tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\n"); err != nil { // and never the rest
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Serve does not end")
	}
}

func TestServeTellsAFailureToListen(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := admin.New(prometheus.NewRegistry(), slog.New(slog.DiscardHandler)).Serve(t.Context(), listener); err == nil {
		t.Error("serves on a closed listener")
	}
}
