package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/contour-xds/contour/test/envoy"
)

// deadline is how long an event may take that needs a second at most. It is
// generous: the machine may be busy, and nothing is measured here.
const deadline = 30 * time.Second

// contour is a running contour serve.
type contour struct {
	t       *testing.T
	cmd     *exec.Cmd
	logPath string
	ended   chan struct{}
	waitErr error

	// xds and metrics are where it listens, as host:port.
	xds, metrics string
}

// serve starts contour serve on free ports of loopback, unless args say
// otherwise, and returns when it serves. When the test ends, so does it.
func serve(t *testing.T, args ...string) *contour {
	t.Helper()
	c := &contour{t: t, logPath: filepath.Join(t.TempDir(), "contour.log"), ended: make(chan struct{})}
	log, err := os.Create(c.logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	args = append([]string{"serve", "--log-format", "json", "--metrics-port", "0", "--xds-port", "0"}, args...)
	c.cmd = exec.Command(binary, args...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.waitErr = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(c.finish)
	c.waitServing()
	return c
}

func (c *contour) finish() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	if c.t.Failed() {
		c.t.Logf("contour's log:\n%s", c.log())
	}
}

// waitServing takes the addresses from the line that says that it serves.
func (c *contour) waitServing() {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, "contour serves", func() error {
		select {
		case <-c.ended:
			c.t.Fatalf("contour ended by itself: %v\n%s", c.waitErr, c.log())
		default:
		}
		for lines := bufio.NewScanner(strings.NewReader(c.log())); lines.Scan(); {
			var line struct{ Msg, XDS, Metrics string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				c.xds, c.metrics = line.XDS, line.Metrics
				return nil
			}
		}
		return fmt.Errorf("no such line in its log:\n%s", c.log())
	})
}

func (c *contour) log() string {
	data, err := os.ReadFile(c.logPath)
	if err != nil {
		c.t.Error(err)
	}
	return string(data)
}

// stop ends it as an operator does, and holds it to an orderly end.
func (c *contour) stop() {
	c.t.Helper()
	c.terminate()
	c.waitEnded()
}

func (c *contour) terminate() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
}

func (c *contour) waitEnded() {
	c.t.Helper()
	select {
	case <-c.ended:
		if c.waitErr != nil {
			c.t.Fatalf("contour ended with %v", c.waitErr)
		}
	case <-time.After(deadline):
		c.t.Fatal("contour does not end")
	}
}

// kill ends it as a crash does.
func (c *contour) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	<-c.ended
}

// xdsPort is the port alone.
func (c *contour) xdsPort() string {
	c.t.Helper()
	_, port, err := net.SplitHostPort(c.xds)
	if err != nil {
		c.t.Fatal(err)
	}
	return port
}

// metric returns the value of one series, whose labels are given as name and
// value by turns.
func (c *contour) metric(name string, labels ...string) (float64, error) {
	resp, err := http.Get("http://" + c.metrics + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for _, m := range families[name].GetMetric() {
		got := make(map[string]string)
		for _, l := range m.GetLabel() {
			got[l.GetName()] = l.GetValue()
		}
		fits := len(got) == len(labels)/2
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && got[labels[i]] == labels[i+1]
		}
		if fits {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue(), nil
		}
	}
	return 0, fmt.Errorf("no series %s%v", name, labels)
}

// wantMetric waits until a series has a value.
func (c *contour) wantMetric(want float64, name string, labels ...string) {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, fmt.Sprintf("%s%v is %v", name, labels, want), func() error {
		got, err := c.metric(name, labels...)
		if err == nil && got != want {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}

// contourBootstrap writes an Envoy's bootstrap with the real command and returns
// its path.
func contourBootstrap(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "envoy.json")
	args = append([]string{"bootstrap", path, "--admin-port", "0", "--node-id", "e2e"}, args...)
	if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("contour bootstrap: %v\n%s", err, out)
	}
	return path
}
