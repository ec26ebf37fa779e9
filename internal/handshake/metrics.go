package handshake

import (
	"crypto/tls"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/credentials"
)

// metrics has all its series from the start, so that a rate over a counter that
// was never raised is zero and not missing.
type metrics struct {
	register *register

	handshakes, failures, versions, keyExchanges *prometheus.CounterVec
	durations                                    *prometheus.HistogramVec
	pending                                      *prometheus.GaugeVec
	closed                                       *prometheus.CounterVec

	// provider has the roots that connections are counted by; nil without any.
	provider    credentials.CredentialProvider
	connections *prometheus.Desc

	// What a success touches, looked up once: it is on the way of every handshake.
	succeeded   prometheus.Counter
	successTime prometheus.Observer
	byVersion   map[uint16]prometheus.Counter
	byGroup     map[tls.CurveID]prometheus.Counter
}

// The results of a handshake.
const (
	success = "success"
	failure = "failure"
)

// groups are the key exchanges that crypto/tls can negotiate, by the names of
// IANA's registry "TLS Supported Groups". The rest is other.
var groups = map[tls.CurveID]string{
	tls.X25519MLKEM768:     "X25519MLKEM768",
	tls.SecP256r1MLKEM768:  "SecP256r1MLKEM768",
	tls.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
	tls.X25519:             "x25519",
	tls.CurveP256:          "secp256r1",
	tls.CurveP384:          "secp384r1",
	tls.CurveP521:          "secp521r1",
}

const (
	otherValue = "other"
	tls13      = "TLS 1.3"
)

// buckets are seconds: a handshake takes milliseconds on a network of one's own,
// a tenth of a second around the world, and more when something is wrong.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(r *register, provider credentials.CredentialProvider) *metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		register:   r,
		handshakes: counter("contour_xds_tls_handshakes_total", "TLS handshakes on the xDS port, by result.", "result"),
		failures:   counter("contour_xds_tls_handshake_failures_total", failuresHelp(), "reason"),
		versions:   counter("contour_xds_tls_versions_total", "Successful TLS handshakes on the xDS port, by negotiated version.", "version"),
		keyExchanges: counter("contour_xds_tls_key_exchanges_total",
			"Successful TLS handshakes on the xDS port, by negotiated group of the key exchange, as IANA names it.", "group"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "contour_xds_tls_handshake_duration_seconds",
			Help:    "Time from accepting a connection on the xDS port to the end of its TLS handshake, by result. Waiting for the peer is most of it.",
			Buckets: buckets,
		}, []string{"result"}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "contour_xds_tls_handshakes_pending",
			Help: "Connections on the xDS port that are in their handshake: waiting for the peer's bytes, in the queue for a CPU turn, or computing.",
		}, []string{"state"}),
		closed:      counter("contour_xds_connections_closed_total", closedHelp, "reason"),
		provider:    provider,
		connections: newConnectionsDesc(provider != nil),
	}
	m.begin()
	return m
}

func newConnectionsDesc(byRoot bool) *prometheus.Desc {
	const name, help = "contour_xds_connections", "Connections on the xDS port that are open and through their handshake"
	if !byRoot {
		return prometheus.NewDesc(name, help+".", nil, nil)
	}
	return prometheus.NewDesc(name, help+", by the root of the CA bundle in force that verifies the client: "+
		"the first 16 digits of its SHA-256 fingerprint. Of several, it is the one that ends last. Without mutual TLS there is one series, without the label.", []string{"root"}, nil)
}

// begin makes every series.
func (m *metrics) begin() {
	for _, result := range []string{success, failure} {
		m.handshakes.WithLabelValues(result)
		m.durations.WithLabelValues(result)
	}
	for _, reason := range Reasons() {
		m.failures.WithLabelValues(string(reason))
	}
	for _, reason := range CloseReasons() {
		m.closed.WithLabelValues(string(reason))
	}
	m.succeeded = m.handshakes.WithLabelValues(success)
	m.successTime = m.durations.WithLabelValues(success)
	m.byVersion = map[uint16]prometheus.Counter{tls.VersionTLS13: m.versions.WithLabelValues(tls13)}
	m.versions.WithLabelValues(otherValue)
	m.byGroup = make(map[tls.CurveID]prometheus.Counter)
	for id, name := range groups {
		m.byGroup[id] = m.keyExchanges.WithLabelValues(name)
	}
	m.keyExchanges.WithLabelValues(otherValue)
}

func (m *metrics) succeed(took time.Duration, state *tls.ConnectionState) {
	m.succeeded.Inc()
	m.successTime.Observe(took.Seconds())
	known(m.byVersion, state.Version, m.versions).Inc()
	known(m.byGroup, state.CurveID, m.keyExchanges).Inc()
}

// known is the counter of a value, or that of all others.
func known[K comparable](counters map[K]prometheus.Counter, value K, all *prometheus.CounterVec) prometheus.Counter {
	if counter, ok := counters[value]; ok {
		return counter
	}
	return all.WithLabelValues(otherValue)
}

func (m *metrics) fail(reason Reason, took time.Duration) {
	m.handshakes.WithLabelValues(failure).Inc()
	m.durations.WithLabelValues(failure).Observe(took.Seconds())
	m.failures.WithLabelValues(string(reason)).Inc()
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.handshakes, m.failures, m.versions, m.keyExchanges, m.durations, m.pending, m.closed,
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
	ch <- m.connections
}

// Collect implements [prometheus.Collector]. Who is where is asked at once and of
// the register itself, so that no gauge can drift.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	now := m.register.occupancy()
	m.pending.WithLabelValues("peer").Set(float64(now.peer))
	m.pending.WithLabelValues("queue").Set(float64(now.queue))
	m.pending.WithLabelValues("cpu").Set(float64(now.cpu))
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
	m.collectConnections(ch, now.live)
}

// collectConnections has a series for each root in force, and for no other: those
// that stand on one which has just gone are in none until they are verified anew or
// closed.
func (m *metrics) collectConnections(ch chan<- prometheus.Metric, live int) {
	gauge := func(value int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(value), labels...)
	}
	if m.provider == nil {
		gauge(live)
		return
	}
	counts := m.register.byRoot()
	for _, root := range rootsInForce(m.provider) {
		gauge(counts[root], root)
	}
}

// rootsInForce are those of the provider's bundle, and none that a peer could name.
func rootsInForce(p credentials.CredentialProvider) []string {
	m, err := p.Material()
	if err != nil {
		return nil
	}
	return m.RootFingerprints()
}
