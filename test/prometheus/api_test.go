package prometheus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/contour-xds/contour/test/envoy"
)

// alert is one that Prometheus has raised, or will after some time.
type alert struct {
	Labels, Annotations map[string]string
	State               string
}

// get asks the HTTP API of Prometheus and decodes the data of its answer.
func (s *server) get(path string, params url.Values, into any) error {
	resp, err := http.Get(s.url + "/api/v1/" + path + "?" + params.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("asking for %s: %s", path, answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// query returns the labels of each series of an expression's value.
func (s *server) query(expr string) ([]map[string]string, error) {
	var data struct {
		Result []struct{ Metric map[string]string }
	}
	if err := s.get("query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	var series []map[string]string
	for _, r := range data.Result {
		series = append(series, r.Metric)
	}
	return series, nil
}

// series returns the labels of each series that was scraped of a metric.
func (s *server) series(metric string) ([]map[string]string, error) {
	var series []map[string]string
	err := s.get("series", url.Values{"match[]": {fmt.Sprintf("{__name__=%q}", metric)}}, &series)
	return series, err
}

// firing returns the alerts that are raised now.
func (s *server) firing() ([]alert, error) {
	var data struct{ Alerts []alert }
	if err := s.get("alerts", nil, &data); err != nil {
		return nil, err
	}
	var firing []alert
	for _, a := range data.Alerts {
		if a.State == "firing" {
			firing = append(firing, a)
		}
	}
	return firing, nil
}

// waitFor waits until a condition has a series for which it is true.
func (s *server) waitFor(condition string) {
	s.t.Helper()
	envoy.Eventually(s.t, deadline, "Prometheus sees that "+condition, func() error {
		series, err := s.query(condition)
		if err == nil && len(series) == 0 {
			err = fmt.Errorf("it does not")
		}
		return err
	})
}
