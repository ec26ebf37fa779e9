package credentials_test

import (
	"crypto/tls"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/logtest"
)

// patience is short enough to wait for, where a test is of what comes after it.
const patience = 150 * time.Millisecond

// watched is a provider that follows a fixture's files.
type watched struct {
	*credentials.Watch
	t      *testing.T
	log    *logtest.Buffer
	config *tls.Config
}

func newWatch(t *testing.T, f *fixture) *watched {
	t.Helper()
	return newPatientWatch(t, f, patience)
}

func newPatientWatch(t *testing.T, f *fixture, patience time.Duration) *watched {
	t.Helper()
	log := &logtest.Buffer{}
	provider, err := credentials.NewWatch(credentials.WatchConfig{
		Files: f.set(), Logger: slog.New(slog.NewTextHandler(log, nil)),
		Poll: 10 * time.Millisecond, Settle: 2 * time.Millisecond, Patience: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	return &watched{provider, t, log, credentials.ServerTLS(provider)}
}

// metric returns the value of the one series of a metric that has this label's value,
// or no label.
func (w *watched) metric(name, label string) float64 {
	w.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := m.GetLabel()
			if family.GetName() == name && (label == "" && len(labels) == 0 || len(labels) == 1 && labels[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	w.t.Fatalf("there is no series %s %s", name, label)
	return 0
}

func (w *watched) pending() float64 { return w.metric("contour_credentials_reload_pending", "") }
func (w *watched) succeeded() float64 {
	return w.metric("contour_credentials_reloads_total", "success")
}

func (w *watched) failed() float64 { return w.metric("contour_credentials_reloads_total", "failure") }

// wantServed finds a pair in force, by a handshake with a client of its CA.
func (w *watched) wantServed(ca *certtest.CA, pair *certtest.Pair) {
	w.t.Helper()
	if got := served(w.t, w.config, ca); !got.Equal(pair.Chain[0]) {
		w.t.Error("another certificate is served")
	}
}

// wantTaken waits until as many generations have been taken over, and finds nothing
// pending.
func (w *watched) wantTaken(generations float64) {
	w.t.Helper()
	eventually(w.t, "the next generation is in force", func() bool { return w.succeeded() == generations })
	eventually(w.t, "nothing is pending", func() bool { return w.pending() == 0 })
}

// settled is long enough for several polls to have come and gone.
func settled() { time.Sleep(patience / 3) }
