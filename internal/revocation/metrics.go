package revocation

import "github.com/prometheus/client_golang/prometheus"

var nextUpdateDesc = prometheus.NewDesc("contour_crl_next_update_timestamp_seconds",
	"When the first CA is left without a revocation list that is in force, in Unix time: the end of the list that ends first, where a CA has several the last of them.", nil, nil)

// checkerMetrics count what a [Checker] could not find out. All series are there from
// the start.
type checkerMetrics struct {
	total   *prometheus.CounterVec
	unknown map[Why]prometheus.Counter
}

func newCheckerMetrics() checkerMetrics {
	m := checkerMetrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "contour_crl_unknown_total",
			Help: "Times that nobody could say whether a peer's certificate is revoked, by why. With --contour-crl-unavailable warn it was let in, or stayed.",
		}, []string{"why"}),
		unknown: make(map[Why]prometheus.Counter),
	}
	for why := range whys {
		m.unknown[why] = m.total.WithLabelValues(why.String())
	}
	return m
}
