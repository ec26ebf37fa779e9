package contour

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
	"github.com/contour-xds/contour/test/process"
)

// deadline is how long an event may take that needs a second at most. It is
// generous: the machine may be busy, and nothing is measured here.
const deadline = 30 * time.Second

// Server is a running contour serve. Its methods are for the goroutine of the test
// alone, except those that return an error.
type Server struct {
	// XDS and Metrics are where it listens, as host:port.
	XDS, Metrics string

	t       testing.TB
	cmd     *exec.Cmd
	logPath string
	// ended is closed after the process has ended, and waitErr says how.
	ended   chan struct{}
	waitErr error
}

// Start starts contour serve on free ports of loopback, unless args say otherwise,
// and returns when it serves. It logs as JSON. When the test ends, so does contour,
// and its log is shown if the test failed.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartCommand(t, exec.Command(Binary(t), append([]string{"serve"}, args...)...))
}

// StartCommand is [Start] of a command that ends by becoming contour serve, as a document
// has it. What Start sees to, the environment says, which any flag of the command beats.
func StartCommand(t testing.TB, cmd *exec.Cmd) *Server {
	t.Helper()
	s := &Server{t: t, cmd: cmd, logPath: filepath.Join(t.TempDir(), "contour.log"), ended: make(chan struct{})}
	log, err := os.Create(s.logPath)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Env = append(s.cmd.Environ(), "CONTOUR_LOG_FORMAT=json", "CONTOUR_METRICS_PORT=0", "CONTOUR_XDS_PORT=0")
	s.cmd.SysProcAttr = process.DieWithParent()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("starting contour: %v", err)
	}
	go func() {
		s.waitErr = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.finish)
	s.waitServing()
	return s
}

func (s *Server) finish() {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("killing contour: %v", err)
	}
	<-s.ended
	if s.t.Failed() {
		s.t.Logf("contour's log:\n%s", s.Log())
	}
}

// waitServing takes the addresses from the line that says that it serves.
func (s *Server) waitServing() {
	s.t.Helper()
	envoy.Eventually(s.t, deadline, "contour serves", func() error {
		select {
		case <-s.ended:
			s.t.Fatalf("contour ended by itself: %v", s.waitErr)
		default:
		}
		for lines := bufio.NewScanner(strings.NewReader(s.Log())); lines.Scan(); {
			var line struct{ Msg, XDS, Metrics string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				s.XDS, s.Metrics = line.XDS, line.Metrics
				return nil
			}
		}
		return errors.New("no such line in its log")
	})
}

// Log returns what contour has logged so far.
func (s *Server) Log() string {
	s.t.Helper()
	data, err := os.ReadFile(s.logPath)
	if err != nil {
		s.t.Error(err)
	}
	return string(data)
}

// XDSPort is the port of XDS alone.
func (s *Server) XDSPort() string {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.XDS)
	if err != nil {
		s.t.Fatal(err)
	}
	return port
}

// Stop ends contour as an operator does, and holds it to an orderly end.
func (s *Server) Stop() {
	s.t.Helper()
	s.Terminate()
	s.WaitEnded()
}

// Terminate asks contour to end, and does not wait.
func (s *Server) Terminate() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatalf("terminating contour: %v", err)
	}
}

// WaitEnded waits until contour has ended, and holds it to an orderly end.
func (s *Server) WaitEnded() {
	s.t.Helper()
	select {
	case <-s.ended:
		if s.waitErr != nil {
			s.t.Fatalf("contour ended with %v", s.waitErr)
		}
	case <-time.After(deadline):
		s.t.Fatalf("contour does not end within %v", deadline)
	}
}

// Kill ends contour as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatalf("killing contour: %v", err)
	}
	<-s.ended
}

// WantMetric waits until a series has a value.
func (s *Server) WantMetric(want float64, name string, labels ...string) {
	s.t.Helper()
	envoy.Eventually(s.t, deadline, fmt.Sprintf("%s%v is %v", name, labels, want), func() error {
		got, err := s.Metric(name, labels...)
		if err == nil && got != want {
			err = fmt.Errorf("it is %v", got)
		}
		return err
	})
}

// WantConnections waits until so many are open and through their handshake.
func (s *Server) WantConnections(want float64) {
	s.t.Helper()
	envoy.Eventually(s.t, deadline, fmt.Sprintf("%v connections are open", want), func() error {
		got, err := s.Connections()
		if err == nil && got != want {
			err = fmt.Errorf("there are %v", got)
		}
		return err
	})
}
