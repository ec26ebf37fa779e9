package credentials

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/certgen"
)

// generatedMetrics are the metrics of a [Generated].
type generatedMetrics struct {
	renewals          *prometheus.CounterVec
	succeeded, failed prometheus.Counter
	failing           prometheus.Gauge
	clientNotAfter    prometheus.Gauge
}

func newGeneratedMetrics() generatedMetrics {
	renewals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "contour_credentials_renewals_total",
		Help: "Times that certificates of the state folder were made, renewed or replaced with their CA, or should have been and were not, by result. A failure leaves what is served in force, and is tried again.",
	}, []string{"result"})
	return generatedMetrics{
		renewals: renewals, succeeded: renewals.WithLabelValues("success"), failed: renewals.WithLabelValues("failure"),
		failing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_credentials_renewal_failing",
			Help: "1 while the state folder can't be kept up, so that its certificates will end; 0 otherwise.",
		}),
		clientNotAfter: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_credentials_client_not_after_timestamp_seconds",
			Help: "When the certificate for Envoys in the state folder ends, in Unix time.",
		}),
	}
}

func (m generatedMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.renewals, m.failing, m.clientNotAfter}
}

// observe counts a round that did something or failed. An end that is not known leaves
// the last one.
func (m generatedMetrics) observe(changes []certgen.Change, failed error, clientEnd time.Time) {
	if !clientEnd.IsZero() {
		m.clientNotAfter.Set(float64(clientEnd.Unix()))
	}
	switch {
	case failed != nil:
		m.failed.Inc()
		m.failing.Set(1)
		return
	case len(changes) > 0:
		m.succeeded.Inc()
	}
	m.failing.Set(0)
}
