package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/contour-xds/contour/internal/certgen"
)

const (
	// askTimeout bounds how long a contour may take to answer.
	askTimeout = 10 * time.Second
	// maxMetrics bounds what is read of an answer, in bytes.
	maxMetrics = 16 << 20
)

// serverState is what a contour says of the CAs that it trusts, and of itself.
type serverState struct {
	// connections are the live ones by the fingerprint of the root that verified them;
	// each root in force is there.
	connections map[string]float64
	// leafEnd is when its own certificate ends; zero where it does not say.
	leafEnd time.Time
	// restartDue tells that the files on disk are not those in use.
	restartDue bool
}

// metricsURL completes the URL of a metrics listener.
func metricsURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is no URL of a metrics listener such as http://contour:8000", server)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/metrics"
	}
	return u.String(), nil
}

// askServers asks each contour, and returns what check says of the first one that it
// has something to say of.
func askServers(ctx context.Context, servers []string, check func(serverState) error) error {
	for _, server := range servers {
		families, err := fetchMetrics(ctx, server)
		if err == nil {
			err = check(stateOf(families))
		}
		if err != nil {
			return fmt.Errorf("--server %s: %w", server, err)
		}
	}
	return nil
}

func fetchMetrics(ctx context.Context, server string) (map[string]*dto.MetricFamily, error) {
	address, err := metricsURL(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for its metrics: %w; it must answer, or be left out", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for its metrics: %s answers %s", address, resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("reading its metrics: %w", err)
	}
	return families, nil
}

func stateOf(families map[string]*dto.MetricFamily) serverState {
	s := serverState{connections: make(map[string]float64)}
	for _, m := range families["contour_xds_connections"].GetMetric() {
		if root, ok := labelOf(m, "root"); ok {
			s.connections[root] = m.GetGauge().GetValue()
		}
	}
	for _, m := range families["contour_credentials_not_after_timestamp_seconds"].GetMetric() {
		if which, _ := labelOf(m, "certificate"); which == "leaf" {
			s.leafEnd = time.Unix(int64(m.GetGauge().GetValue()), 0)
		}
	}
	for _, m := range families["contour_credentials_restart_required"].GetMetric() {
		s.restartDue = m.GetGauge().GetValue() != 0
	}
	return s
}

func labelOf(m *dto.Metric, name string) (value string, ok bool) {
	for _, label := range m.GetLabel() {
		if label.GetName() == name {
			return label.GetValue(), true
		}
	}
	return "", false
}

// ready tells why this contour is not ready for the step of plan.
func (s serverState) ready(plan *certgen.Rollover) error {
	if err := s.loaded(plan); err != nil || plan.Step == certgen.StepLeaves {
		return err
	}
	if oldRoot := certgen.Fingerprint(plan.Old); s.connections[oldRoot] > 0 {
		return fmt.Errorf("it has %.0f connections with certificates of the old CA %s; bring those clients their files of step 2, and have them connect anew, "+
			"or have --recycle ask those that follow their files to come back", s.connections[oldRoot], oldRoot)
	}
	return nil
}

// loaded tells what this contour has not loaded yet of the steps before that of plan.
func (s serverState) loaded(plan *certgen.Rollover) error {
	newRoot := certgen.Fingerprint(plan.New)
	_, trusts := s.connections[newRoot]
	switch {
	case s.restartDue:
		return errors.New("its files changed since it read them (contour_credentials_restart_required); restart it")
	case len(s.connections) == 0:
		return errors.New("it does not tell its connections by root (contour_xds_connections); name the metrics listener of a contour that serves mutual TLS")
	case !trusts:
		return fmt.Errorf("it does not trust the new CA %s yet; bring it the ca.pem of step 1, and restart it unless it follows its files", newRoot)
	case plan.Step == certgen.StepLeaves:
		return nil
	}
	for _, leaf := range plan.Servers {
		if leaf.NotAfter.Equal(s.leafEnd) {
			return nil
		}
	}
	return errors.New("its own certificate is none of those that step 2 issued; bring it its files, and restart it unless it follows them")
}
