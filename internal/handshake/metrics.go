package handshake

import "github.com/prometheus/client_golang/prometheus"

// metrics has all its series from the start, so that a rate over a counter that
// was never raised is zero and not missing.
type metrics struct {
	handshakes, failures *prometheus.CounterVec
	connections          prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contour_xds_tls_handshakes_total",
			Help: "TLS handshakes on the xDS port, by result.",
		}, []string{"result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contour_xds_tls_handshake_failures_total",
			Help: "Failed TLS handshakes on the xDS port, by reason.",
		}, []string{"reason"}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_xds_connections",
			Help: "Connections on the xDS port that are open and through their handshake.",
		}),
	}
	m.handshakes.WithLabelValues("success")
	m.handshakes.WithLabelValues("failure")
	for _, reason := range Reasons() {
		m.failures.WithLabelValues(string(reason))
	}
	return m
}

func (m *metrics) succeed() { m.handshakes.WithLabelValues("success").Inc() }

func (m *metrics) fail(reason Reason) {
	m.handshakes.WithLabelValues("failure").Inc()
	m.failures.WithLabelValues(string(reason)).Inc()
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.handshakes.Describe(ch)
	m.failures.Describe(ch)
	m.connections.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.handshakes.Collect(ch)
	m.failures.Collect(ch)
	m.connections.Collect(ch)
}
