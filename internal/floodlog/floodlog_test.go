package floodlog_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/floodlog"
	"github.com/contour-xds/contour/internal/logtest"
)

func newLog() (*floodlog.Log, *logtest.Buffer) {
	buf := &logtest.Buffer{}
	return floodlog.New(slog.New(slog.NewTextHandler(buf, nil)), time.Hour, "one", "more"), buf
}

func nothing() []any { return nil }

// TestNobodysFloodHidesWhatAnotherDoes has two be denied for one reason, of whom one
// asks a hundred times first.
func TestNobodysFloodHidesWhatAnotherDoes(t *testing.T) {
	log, buf := newLog()
	for range 100 {
		log.Event(slog.LevelWarn, "forbidden", "loud", "192.0.2.1:1", nothing)
	}
	log.Event(slog.LevelWarn, "forbidden", "quiet", "192.0.2.2:1", nothing)
	log.Close()
	for want, count := range map[string]int{
		"msg=one remote=192.0.2.1:1 reason=forbidden identity=loud":  10,
		"msg=one remote=192.0.2.2:1 reason=forbidden identity=quiet": 1,
		"msg=more reason=forbidden identity=loud count=90":           1,
		"msg=more reason=forbidden identity=quiet":                   0,
	} {
		if got := strings.Count(buf.String(), want); got != count {
			t.Errorf("%q is there %d times, want %d", want, got, count)
		}
	}
}

// TestIdentitiesAreToldApartWithinBounds has more of them than are remembered.
func TestIdentitiesAreToldApartWithinBounds(t *testing.T) {
	log, buf := newLog()
	for n := range 3000 {
		log.Event(slog.LevelWarn, "forbidden", fmt.Sprintf("number-%d", n), "192.0.2.1:1", nothing)
	}
	log.Close()
	if lines := strings.Count(buf.String(), "msg=one"); lines < 1000 || lines > 1100 {
		t.Errorf("%d lines", lines)
	}
	if !strings.Contains(buf.String(), "msg=more reason=forbidden count=") {
		t.Error("the rest is not summed up")
	}
}
