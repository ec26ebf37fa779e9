//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
)

const (
	// stalledConnections is how many strangers hold a connection open, or knock for
	// one. It is more than --max-handshakes is by default, so that the door is full
	// all the time.
	stalledConnections = 5000
	// defaultMaxHandshakes is what --max-handshakes is when nobody sets it. The test
	// says it once more, as the promise that it is.
	defaultMaxHandshakes = 4096
	// honestPatience is when an honest client gives up. It is less than the time that a
	// stalled connection has until it times out by itself: who gets in sooner, gets
	// in because another one was shed.
	honestPatience = 8 * time.Second
	// otherFiles is what the server may have open in the storm besides what it had
	// before and the strangers' connections.
	otherFiles = 64
	// openFiles is what a storm takes on each side, and some more.
	openFiles = 8000
)

// TestStalledConnectionsKeepNoHonestEnvoyOut fills the door with connections that
// lead nowhere, and keeps it full while honest clients come, which are real Envoys
// among them. When the strangers have gone, nothing of them is left.
//
// How soon the honest ones are in is for [TestLongStalledConnectionsDelayNoHonestEnvoy],
// which has the machine for itself.
func TestStalledConnectionsKeepNoHonestEnvoyOut(t *testing.T) { stalledConnectionsMakeRoom(t) }

func stalledConnectionsMakeRoom(t *testing.T) {
	t.Helper()
	requireOpenFiles(t)
	f := newFixture(t)
	f.write("clusters.yaml", clusterNamed("a"))
	c := f.serve()
	if _, err := getIn(t.Context(), deadline, c.xds, f.clientTLS()); err != nil {
		t.Fatal(err) // and all that a first client makes is made
	}
	before := c.settledFootprint()

	strangers := startAttack(t, c.xds, stalledConnections)
	c.wantFullHouse()
	watch := startWatch(t, c)
	const clients, envoys = 12, 3
	f.wantClientsInPromptly(c, clients)
	f.wantEnvoysInPromptly(c, envoys)
	during := c.footprint()
	watch.stop()
	strangers.end()
	t.Logf("the strangers opened %d connections, of which %v were shed; at most %v were pending; in the storm: %v",
		strangers.opened.Load(), c.value("contour_xds_tls_handshake_failures_total", "reason", "shed"), watch.mostPending, during)

	if most := before.files + defaultMaxHandshakes + otherFiles; during.files > most {
		t.Errorf("%v files were open; with as many connections as the limit permits, it should be %v at most", during.files, most)
	}
	if watch.mostPending > defaultMaxHandshakes {
		t.Errorf("%v handshakes were pending at once; the limit is %d", watch.mostPending, defaultMaxHandshakes)
	}
	for _, err := range watch.failures {
		t.Errorf("in the storm: %v", err)
	}
	if n := c.value("contour_xds_tls_handshakes_total", "result", "success"); n != 1+clients+envoys {
		t.Errorf("%v handshakes succeeded; honest clients came %d times", n, 1+clients+envoys)
	}
	c.wantFootprint(before)
}

// requireOpenFiles fails a test for which the process may open too few files. Go
// has raised the limit as far as it may, here and in the server.
func requireOpenFiles(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("asking for the limit of open files: %v", err)
	}
	if limit.Cur < openFiles {
		t.Fatalf("the limit of open files is %d and this test needs %d: raise it by ulimit -n %d", limit.Cur, openFiles, openFiles)
	}
}

// wantFullHouse waits until somebody had to make room.
func (c *contour) wantFullHouse() {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, "the door is full and sheds", func() error {
		n, err := c.metric("contour_xds_tls_handshake_failures_total", "reason", "shed")
		if err == nil && n == 0 {
			err = fmt.Errorf("none was shed")
		}
		return err
	})
}

// wantClientsInPromptly has honest clients come, one every so often, whether or not
// the one before is in: where the door stays shut until stalled connections time
// out, they all wait for that.
func (f *fixture) wantClientsInPromptly(c *contour, clients int) {
	f.t.Helper()
	var all sync.WaitGroup
	took, errs := make([]time.Duration, clients), make([]error, clients)
	for i := range clients {
		all.Go(func() { took[i], errs[i] = getIn(f.t.Context(), honestPatience, c.xds, f.clientTLS()) })
		time.Sleep(100 * time.Millisecond)
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			f.t.Errorf("an honest client: %v", err)
		}
	}
	f.t.Logf("honest clients were in after %v by the median, %v at most", median(took), slices.Max(took))
	if median(took) > promptly {
		f.t.Errorf("honest clients were in after %v by the median; it should be %v at most", median(took), promptly)
	}
}

// wantEnvoysInPromptly has real Envoys come, one after another. Their own logs say
// when they began to connect, and when they had their clusters.
func (f *fixture) wantEnvoysInPromptly(c *contour, envoys int) {
	f.t.Helper()
	took := make([]time.Duration, envoys)
	for i := range took {
		e := envoy.Start(f.t, f.bootstrap(c, f.client), envoy.Options{ComponentLogLevel: "connection:debug,config:debug"})
		envoy.Eventually(f.t, honestPatience, "Envoy has its clusters", func() (err error) {
			took[i], err = connectTime(e.Log(), c.xds)
			return err
		})
		if n, err := e.Stat("cluster.contour.upstream_cx_total"); err != nil || n != 1 {
			f.t.Errorf("Envoy needed %d connections to get in, %v", n, err)
		}
		e.Stop()
	}
	f.t.Logf("Envoys had their clusters %v after they began to connect", took)
	if median(took) > promptly {
		f.t.Errorf("Envoys had their clusters after %v by the median; it should be %v at most", median(took), promptly)
	}
}

// connectTime is how long an Envoy took from its first attempt to connect to its
// first answer, by its log.
func connectTime(log, xds string) (time.Duration, error) {
	began, err := logged(log, "connecting to "+xds)
	if err != nil {
		return 0, err
	}
	answered, err := logged(log, "Received DeltaDiscoveryResponse for type.googleapis.com/envoy.config.cluster.v3.Cluster")
	return answered.Sub(began), err
}

// logged is the time of the first line of an Envoy's log that has these words.
func logged(log, words string) (time.Time, error) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, words) {
			stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "["), "]")
			return time.Parse("2006-01-02 15:04:05.000", stamp)
		}
	}
	return time.Time{}, fmt.Errorf("its log has no %q", words)
}

// clusterNamed is a folder's one resource.
func clusterNamed(words string) string {
	return `resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: only
  type: STATIC
  connect_timeout: 5s
  alt_stat_name: ` + words + "\n"
}
