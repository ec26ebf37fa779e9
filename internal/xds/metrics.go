package xds

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	streams                *prometheus.GaugeVec
	responses, acks, nacks *prometheus.CounterVec
	// types are the counters of each type, in the order of served, looked up once.
	types []typeCounts
}

// typeCounts are what is counted of one type.
type typeCounts struct {
	label                  string
	responses, acks, nacks prometheus.Counter
}

// newMetrics makes all series at once, so that each is there before the first
// Envoy comes.
func newMetrics(registerer prometheus.Registerer) *metrics {
	byType := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"type"})
		for _, t := range served {
			v.WithLabelValues(t.Label)
		}
		return v
	}
	m := &metrics{
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "contour_xds_streams",
			Help: "Open discovery streams, by service and variant of the protocol.",
		}, []string{"service", "protocol"}),
		responses: byType("contour_xds_responses_total", "Discovery responses sent, by type of resource."),
		acks:      byType("contour_xds_acks_total", "Discovery responses that an Envoy accepted, by type of resource."),
		nacks:     byType("contour_xds_nacks_total", "Discovery responses that an Envoy refused, by type of resource."),
	}
	for _, t := range served {
		m.types = append(m.types, typeCounts{
			t.Label, m.responses.WithLabelValues(t.Label), m.acks.WithLabelValues(t.Label), m.nacks.WithLabelValues(t.Label),
		})
	}
	for _, svc := range services() {
		m.streams.WithLabelValues(svc.label, sotwLabel)
		m.streams.WithLabelValues(svc.label, deltaLabel)
	}
	if registerer != nil {
		registerer.MustRegister(m.streams, m.responses, m.acks, m.nacks)
	}
	return m
}
