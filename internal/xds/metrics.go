package xds

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/resources"
)

// otherType is the label of a type that this server does not serve. A peer can
// ask for any; it can't make a series.
const otherType = "other"

// label is the type's name in metrics and logs.
func label(typeURL string) string {
	for _, t := range resources.Types() {
		if t.URL == typeURL {
			return t.Label
		}
	}
	return otherType
}

type metrics struct {
	streams                *prometheus.GaugeVec
	responses, acks, nacks *prometheus.CounterVec
}

// newMetrics makes all series at once, so that each is there before the first
// Envoy comes.
func newMetrics(registerer prometheus.Registerer) *metrics {
	byType := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"type"})
		for _, t := range resources.Types() {
			v.WithLabelValues(t.Label)
		}
		v.WithLabelValues(otherType)
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
	for _, svc := range services() {
		m.streams.WithLabelValues(svc.label, sotw)
		m.streams.WithLabelValues(svc.label, delta)
	}
	if registerer != nil {
		registerer.MustRegister(m.streams, m.responses, m.acks, m.nacks)
	}
	return m
}
