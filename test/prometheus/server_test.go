package prometheus

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
	"github.com/contour-xds/contour/test/process"
)

// deadline is how long an event may take that needs seconds at most. It is generous:
// the machine may be busy, and nothing is measured here.
const deadline = 30 * time.Second

// server is a running Prometheus.
type server struct {
	t *testing.T
	// url is where it answers, without a slash at the end.
	url     string
	logPath string
	// ended is closed after the process has ended, and waitErr says how.
	ended   chan struct{}
	waitErr error
}

// startPrometheus starts a Prometheus that scrapes targets and evaluates the rules as
// they stand. It returns when that Prometheus is ready, and ends it with the test.
func startPrometheus(t *testing.T, targets ...string) *server {
	t.Helper()
	dir := t.TempDir()
	config := write(t, dir, "prometheus.yaml", configFor(t, targets))
	write(t, dir, "contour.rules.yaml", read(t, "contour.rules.yaml"))
	s := &server{t: t, logPath: filepath.Join(dir, "log"), ended: make(chan struct{})}
	log, err := os.Create(s.logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(tool(t, "prometheus"),
		"--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = process.DieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting Prometheus: %v", err)
	}
	go func() {
		s.waitErr = cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() { s.finish(cmd.Process) })
	s.waitReady()
	return s
}

// configFor is prometheus.yaml with targets and intervals of a test, which leave a
// busy machine the time to answer a scrape. Neither the rules nor anything else of it
// is changed.
func configFor(t *testing.T, targets []string) string {
	t.Helper()
	text := read(t, "prometheus.yaml")
	for _, edit := range [][2]string{
		{"scrape_interval: 15s", "scrape_interval: 1s"},
		{"evaluation_interval: 15s", "evaluation_interval: 1s"},
		{"targets: [127.0.0.1:8000]", "targets: [" + strings.Join(targets, ", ") + "]"},
	} {
		if strings.Count(text, edit[0]) != 1 {
			t.Fatalf("prometheus.yaml has not %q once", edit[0])
		}
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	return text
}

// finish kills the process: its data is the test's, and lost with it.
func (s *server) finish(process *os.Process) {
	select {
	case <-s.ended:
		s.t.Errorf("Prometheus ended by itself: %v", s.waitErr)
	default:
		if err := process.Kill(); err != nil {
			s.t.Errorf("killing Prometheus: %v", err)
		}
		<-s.ended
	}
	if s.t.Failed() {
		s.t.Logf("the log of Prometheus:\n%s", s.log())
	}
}

// listening is the line that says which port it was given, in versions 2 and 3.
var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

func (s *server) waitReady() {
	s.t.Helper()
	envoy.Eventually(s.t, deadline, "Prometheus is ready", func() error {
		select {
		case <-s.ended:
			s.t.Fatalf("Prometheus ended by itself: %v", s.waitErr)
		default:
		}
		line := listening.FindStringSubmatch(s.log())
		if line == nil {
			return fmt.Errorf("its log does not say where it listens")
		}
		s.url = "http://" + line[1]
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
}

func (s *server) log() string {
	data, err := os.ReadFile(s.logPath)
	if err != nil {
		s.t.Error(err)
	}
	return string(data)
}
