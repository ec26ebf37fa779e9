package resources

import "github.com/prometheus/client_golang/prometheus"

// metrics is what can be scraped of a folder. All series are there from the start.
type metrics struct {
	reloads *prometheus.CounterVec
	last    prometheus.Gauge
	byType  *prometheus.GaugeVec
}

const (
	resultSuccess = "success"
	resultFailure = "failure"
)

// newMetrics makes the metrics, and registers them where a registerer is given. It
// fails when they are there already: one process follows one folder.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contour_resources_reloads_total",
			Help: "Times that the resource folder was read again after a change, by result. A failure leaves the last good state in force.",
		}, []string{"result"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_resources_last_reload_successful",
			Help: "1 if the resource folder on disk is what is served, 0 if its last change was refused.",
		}),
		byType: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "contour_resources",
			Help: "Resources in force, by type, over all groups: one at the top counts once.",
		}, []string{"type"}),
	}
	m.reloads.WithLabelValues(resultSuccess)
	m.reloads.WithLabelValues(resultFailure)
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.reloads, m.last, m.byType} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// inForce sets the gauges to what is served from now on.
func (m *metrics) inForce(s *Snapshots) {
	m.last.Set(1)
	for _, k := range served {
		m.byType.WithLabelValues(k.Label).Set(float64(s.Count(k.URL)))
	}
}

// refused notes a change that is not served.
func (m *metrics) refused() {
	m.reloads.WithLabelValues(resultFailure).Inc()
	m.last.Set(0)
}
