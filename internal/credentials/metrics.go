package credentials

import (
	"crypto/x509"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	notAfterDesc = prometheus.NewDesc("contour_credentials_not_after_timestamp_seconds",
		"When the channel's certificates end, in Unix time: the server's own leaf, and of its intermediates and of the CA bundle the one that ends first.",
		[]string{"certificate"}, nil)
	loadedDesc = prometheus.NewDesc("contour_credentials_loaded_timestamp_seconds",
		"When the credentials in force were loaded, in Unix time.", nil, nil)
)

func newRestartRequired() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "contour_credentials_restart_required",
		Help: "1 when the credential files on disk are no longer those that were loaded, so that a restart is due; 0 otherwise.",
	})
}

// watchMetrics are the metrics of a [Watch].
type watchMetrics struct {
	reloads           *prometheus.CounterVec
	succeeded, failed prometheus.Counter
	pending           prometheus.Gauge
}

func newWatchMetrics() watchMetrics {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "contour_credentials_reloads_total",
		Help: "Times that the credential files on disk became the generation in force, or were refused, by result. A failure counts once for each content, and leaves the last good generation in force.",
	}, []string{"result"})
	return watchMetrics{
		reloads: reloads, succeeded: reloads.WithLabelValues("success"), failed: reloads.WithLabelValues("failure"),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "contour_credentials_reload_pending",
			Help: "1 while the credential files on disk can't be used and so are not what is served, because their writer is not done or they were refused; 0 otherwise.",
		}),
	}
}

func (m watchMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.reloads, m.pending}
}

// Collector reports the material of a provider, whichever it is, as it stands
// when it is scraped.
type Collector struct{ provider CredentialProvider }

// NewCollector returns a collector of p's material. A provider's own metrics
// are its own to register.
func NewCollector(p CredentialProvider) *Collector { return &Collector{provider: p} }

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- notAfterDesc
	ch <- loadedDesc
}

// Collect implements [prometheus.Collector]. A provider that has no material
// reports nothing.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	m, err := c.provider.Material()
	if err != nil {
		return
	}
	gauge := func(desc *prometheus.Desc, t time.Time, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(t.Unix()), labels...)
	}
	gauge(notAfterDesc, m.chain[0].NotAfter, "leaf")
	if len(m.chain) > 1 {
		gauge(notAfterDesc, earliest(m.chain[1:]), "intermediate")
	}
	gauge(notAfterDesc, earliest(m.roots), "ca")
	gauge(loadedDesc, m.loaded)
}

func earliest(certs []*x509.Certificate) time.Time {
	var first time.Time
	for _, c := range certs {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}
