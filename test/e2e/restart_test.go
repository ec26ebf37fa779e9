package e2e

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/contour-xds/contour/test/envoy"
)

// ends are the ways in which a server goes away.
var ends = map[string]func(*contour){"stopped": (*contour).stop, "killed": (*contour).kill}

// TestNoRequestFailsWhileTheServerRestarts ends the server again and again, and
// each time changes something before there is another one on its port. Every
// change has its turn in the long test.
func TestNoRequestFailsWhileTheServerRestarts(t *testing.T) {
	t.Parallel()
	for protocol, how := range map[string]string{"delta-ads": "killed", "ads": "stopped"} {
		t.Run(protocol+", "+how, func(t *testing.T) {
			t.Parallel()
			noRequestFailsWhileTheServerRestarts(t, envoy.Version, protocol, ends[how], 2)
		})
	}
}

func noRequestFailsWhileTheServerRestarts(t *testing.T, version, protocol string, end func(*contour), restarts int) {
	s := startServed(t, version, protocol)
	for _, change := range s.changes() {
		if restarts == 0 {
			break
		}
		if change.removes && protocol != "delta-ads" {
			continue // of the variant, the server that comes back is told nothing of what Envoy still has
		}
		restarts--
		end(s.c)
		wantDisconnected(t, s.e)
		s.make(change)
		s.restart()
		s.wantRunning(change)
	}
	s.wantNoFailure()
}

// restart starts another server on the port of the one that ended.
func (s *served) restart() {
	s.t.Helper()
	s.c = s.f.serve(append([]string{"--xds-port", s.c.xdsPort()}, drainsQuickly...)...)
}

// noRequestFailsWhenTheServerIsKilledInTheMidst kills it at any moment of a change,
// and does not always wait until Envoy is through before it does so again.
func noRequestFailsWhenTheServerIsKilledInTheMidst(t *testing.T, version, protocol string, kills int) {
	s := startServed(t, version, protocol)
	random := newRandom()
	all := slices.DeleteFunc(s.changes(), func(c change) bool {
		// An Envoy asks for clusters only when those that it has are warm. A cluster in use
		// that was altered, and whose endpoints are no more when the next server comes, goes
		// into force without any.
		return c.alters || c.removes && protocol != "delta-ads"
	})
	for range kills {
		change := all[random.IntN(len(all))]
		s.make(change)
		time.Sleep(time.Duration(random.Int64N(int64(longestPause))))
		s.c.kill()
		s.restart()
		if random.IntN(2) == 0 {
			s.wantRunning(change)
		}
	}
	s.wantRunning(change{name: "the last one was killed"})
	s.wantNoFailure()
}

func wantDisconnected(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	envoy.Eventually(t, deadline, "Envoy knows that it is disconnected", func() error {
		connected, err := e.Stat("control_plane.connected_state")
		if err == nil && connected != 0 {
			err = errors.New("it does not")
		}
		return err
	})
}
