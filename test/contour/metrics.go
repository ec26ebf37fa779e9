package contour

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Series is one series of a metric that is a counter or a gauge.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Metric returns the value of the one series that has these labels and no others,
// given as name and value by turns.
func (s *Server) Metric(name string, labels ...string) (float64, error) {
	all, err := s.AllSeries(name)
	if err != nil {
		return 0, err
	}
	want := make(map[string]string)
	for i := 0; i+1 < len(labels); i += 2 {
		want[labels[i]] = labels[i+1]
	}
	for _, series := range all {
		if maps.Equal(series.Labels, want) {
			return series.Value, nil
		}
	}
	return 0, fmt.Errorf("no series %s%v", name, labels)
}

// Connections is how many connections are open and through their handshake, on
// whatever root they stand.
func (s *Server) Connections() (float64, error) {
	all, err := s.AllSeries("contour_xds_connections")
	total := 0.0
	for _, series := range all {
		total += series.Value
	}
	return total, err
}

// AllSeries returns each series of a metric, read anew. A metric that contour does
// not have has none.
func (s *Server) AllSeries(name string) ([]Series, error) {
	resp, err := http.Get("http://" + s.Metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	var all []Series
	for _, m := range families[name].GetMetric() {
		labels := make(map[string]string)
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		all = append(all, Series{Labels: labels, Value: m.GetCounter().GetValue() + m.GetGauge().GetValue()})
	}
	return all, nil
}
