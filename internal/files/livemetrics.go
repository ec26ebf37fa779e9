package files

import "github.com/prometheus/client_golang/prometheus"

// liveMetrics are the metrics of a [Live]. All series are there from the start.
type liveMetrics struct {
	reloads           *prometheus.CounterVec
	succeeded, failed prometheus.Counter
	pending           prometheus.Gauge
}

func newLiveMetrics(name, what string) liveMetrics {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "contour_" + name + "_reloads_total",
		Help: "Times that the " + what + " on disk came into force after a change, or was refused, by result. A failure counts once for each content, and leaves the last good one in force.",
	}, []string{"result"})
	return liveMetrics{
		reloads: reloads, succeeded: reloads.WithLabelValues("success"), failed: reloads.WithLabelValues("failure"),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_" + name + "_pending",
			Help: "1 while the " + what + " on disk can't be used and so is not what is in force, because its writer is not done or it was refused; 0 otherwise.",
		}),
	}
}

func (m liveMetrics) describe(ch chan<- *prometheus.Desc) {
	m.reloads.Describe(ch)
	m.pending.Describe(ch)
}

func (m liveMetrics) collect(ch chan<- prometheus.Metric) {
	m.reloads.Collect(ch)
	m.pending.Collect(ch)
}
