package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

const (
	// pace is how often each of a traffic's clients asks.
	pace = 20 * time.Millisecond
	// answerTimeout is far above what an answer takes.
	answerTimeout = 10 * time.Second
	// shownFailures bounds how many failures are told one by one.
	shownFailures = 10
)

// A traffic is constant requests, each of which must be answered with 200.
type traffic struct {
	t        *testing.T
	answered atomic.Int64
	failed   atomic.Int64
	mu       sync.Mutex // guards failures
	failures []string

	end func()
}

// startTraffic asks at each URL, over a connection that is kept as long as Envoy
// permits, and over a new one each time. It ends when told to, or with the test.
func startTraffic(t *testing.T, f *fixture, urls ...string) *traffic {
	t.Helper()
	tr := &traffic{t: t}
	over := make(chan struct{})
	var clients sync.WaitGroup
	for _, url := range urls {
		for _, fresh := range []bool{false, true} {
			transport := &http.Transport{
				DisableKeepAlives: fresh,
				TLSClientConfig:   &tls.Config{RootCAs: f.web.Pool(), ServerName: certtest.ServerName},
			}
			how := "over a kept connection: "
			if fresh {
				how = "over a new connection: "
			}
			clients.Go(func() {
				defer transport.CloseIdleConnections()
				tr.ask(&http.Client{Timeout: answerTimeout, Transport: transport}, how, url, over)
			})
		}
	}
	tr.end = sync.OnceFunc(func() {
		close(over)
		clients.Wait()
	})
	t.Cleanup(func() {
		tr.end()
		tr.tell()
	})
	return tr
}

func (tr *traffic) ask(client *http.Client, how, url string, over <-chan struct{}) {
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticks.C:
		}
		if err := askOnce(client, url); err != nil {
			tr.fail(how, err)
			continue
		}
		tr.answered.Add(1)
	}
}

func askOnce(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading from %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %.200s", url, resp.Status, body)
	}
	return nil
}

func (tr *traffic) fail(how string, err error) {
	tr.failed.Add(1)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.failures) < shownFailures {
		tr.failures = append(tr.failures, time.Now().UTC().Format("15:04:05.000 ")+how+err.Error())
	}
}

// wantNoFailure ends the traffic and holds all of it to its answers.
func (tr *traffic) wantNoFailure() {
	tr.t.Helper()
	tr.end()
	tr.t.Logf("%d requests were answered", tr.answered.Load())
	if tr.answered.Load() == 0 {
		tr.t.Error("there was no traffic")
	}
	tr.tell()
}

// tell fails the test with what failed, once, wherever the test ends.
func (tr *traffic) tell() {
	tr.t.Helper()
	if n := tr.failed.Swap(0); n > 0 {
		tr.t.Errorf("%d requests failed; the first ones:", n)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, failure := range tr.failures {
		tr.t.Error(failure)
	}
	tr.failures = nil
}
