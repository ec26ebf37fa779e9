package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/contour-xds/contour/internal/certtest"
)

// metric is what can be said of a metric before anything happened.
type metric struct {
	name, kind, help string
	// labels are the values of each label.
	labels map[string][]string
	// only is what it takes to have it, as the end of a sentence; empty means nothing.
	only string
}

const metricsIntroduction = `# Metrics

` + "`contour serve`" + ` answers a scrape at ` + "`/metrics`" + `, on ` + "`--metrics-address`" + ` and ` + "`--metrics-port`" + `, in plain HTTP.
Labels are of closed sets, so that no peer can create a series, and a series is there from the start, so that a rate over it is zero rather than missing.
An intermediate certificate has a series if there is one, and each root of the CA bundle in force has one.
Those of the secure channel's credentials are there only when ` + "`serve`" + ` has credentials, and some only by one way in which it has them (` + "`--credential-provider`" + `).
`

// TestReferenceOfMetrics writes metrics.md from what a scrape of contour serve
// has, so that nothing is described that is not registered.
func TestReferenceOfMetrics(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the process collector has other metrics on other systems, and the page is of linux")
	}
	var page bytes.Buffer
	page.WriteString(generated + metricsIntroduction)
	metrics := scrapeAll(t)
	describeMetrics(&page, "contour", metrics, "contour_")
	describeMetrics(&page, "Go runtime", metrics, "go_")
	describeMetrics(&page, "Process, on linux", metrics, "process_")
	if n := strings.Count(page.String(), "\n| `"); n != len(metrics) {
		t.Errorf("%d of %d metrics have a row; one belongs to no chapter: %v", n, len(metrics), slices.Sorted(maps.Keys(metrics)))
	}
	checkReference(t, "metrics.md", page.Bytes())
}

// TestEveryMetricOfTheCodeIsScraped finds those that are registered nowhere, or
// that have no series until something happens: the reference would not have them.
func TestEveryMetricOfTheCodeIsScraped(t *testing.T) {
	metrics := scrapeAll(t)
	literal := regexp.MustCompile(`"(contour_[a-z0-9_]+)"`)
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range literal.FindAllSubmatch(source, -1) {
			name := string(match[1])
			if _, scraped := metrics[name]; !scraped && name != groupAnnotation && name != envAnnotation {
				t.Errorf("%s has %s, which a scrape of contour serve has not", path, name)
			}
			found++
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("found %d names, %v", found, err)
	}
}

// scrapeAll returns the metrics of servers with credentials, by name: of one for each
// provider, having looked at one without any to tell which come with the credentials.
func scrapeAll(t *testing.T) map[string]metric {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	files := certtest.WriteFiles(t, t.TempDir(), ca, ca.Intermediate(t, "intermediate").Issue(t, certtest.Server()))
	plain := scrape(t, "--insecure")
	all, by := make(map[string]metric), make(map[string][]string)
	for _, provider := range choices[providerFlag] {
		args := []string{"--contour-cafile", files.CA, "--contour-mtls-cert", files.Cert, "--contour-mtls-key", files.Key}
		if provider == providerGenerated {
			args = []string{"--state-dir", filepath.Join(t.TempDir(), "state")}
		}
		for name, m := range scrape(t, append(args, "--credential-provider", provider)...) {
			for label, values := range all[name].labels { // a provider may have more of them
				for _, value := range values {
					m.note(label, value)
				}
			}
			all[name] = m
			by[name] = append(by[name], provider)
		}
	}
	for name, m := range all {
		if len(by[name]) < len(choices[providerFlag]) {
			m.only = "with `--credential-provider " + strings.Join(by[name], "` or `") + "`"
		} else if _, always := plain[name]; !always {
			m.only = "with mutual TLS"
		}
		all[name] = m
	}
	channel := []string{"--contour-cafile", files.CA, "--contour-mtls-cert", files.Cert, "--contour-mtls-key", files.Key}
	for flag, content := range map[string][]byte{
		policyFlag: []byte("rules: [{name: all, identities: [\"spiffe://example.org/**\"], groups: [\"*\"]}]"),
		crlFlag:    ca.RevocationList(t, certtest.List{}),
	} {
		path := filepath.Join(t.TempDir(), flag)
		certtest.WriteFile(t, path, content)
		for name, m := range scrape(t, append(channel, "--"+flag, path)...) {
			if _, always := all[name]; !always {
				m.only = "with `--" + flag + "`"
				all[name] = m
			}
		}
	}
	return all
}

// scrape runs contour serve with args and returns what its /metrics has.
func scrape(t *testing.T, args ...string) map[string]metric {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log, logTo := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		root := newRoot()
		root.SetErr(logTo)
		root.SetArgs(append([]string{
			"serve", "--log-format", "json", "--xds-port", "0", "--metrics-port", "0",
			"--resources", filepath.Join("..", "..", "examples", "resources"),
		}, args...))
		err := root.ExecuteContext(ctx)
		_ = logTo.CloseWithError(errors.Join(errors.New("contour serve ended"), err))
		ended <- err
	}()
	lines := bufio.NewReader(log)
	address := metricsAddress(t, lines)
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		close(drained)
	}()
	metrics := get(t, "http://"+address+"/metrics")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-drained
	return metrics
}

// metricsAddress takes it from the line that says that contour serves.
func metricsAddress(t *testing.T, log *bufio.Reader) string {
	t.Helper()
	for {
		text, err := log.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var line struct{ Msg, Metrics string }
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line.Msg == "serving" {
			return line.Metrics
		}
	}
}

func get(t *testing.T, url string) map[string]metric {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	metrics := make(map[string]metric)
	for name, family := range families {
		m := metric{name: name, kind: strings.ToLower(family.GetType().String()), help: family.GetHelp(), labels: make(map[string][]string)}
		for _, series := range family.GetMetric() {
			for _, l := range series.GetLabel() {
				m.note(l.GetName(), l.GetValue())
			}
			for _, q := range series.GetSummary().GetQuantile() {
				m.note("quantile", fmt.Sprint(q.GetQuantile()))
			}
		}
		metrics[name] = m
	}
	return metrics
}

func (m metric) note(label, value string) {
	if !slices.Contains(m.labels[label], value) {
		m.labels[label] = append(m.labels[label], value)
	}
}

// describeMetrics writes a chapter of those whose names begin with prefix.
func describeMetrics(page io.Writer, title string, metrics map[string]metric, prefix string) {
	fmt.Fprintf(page, "\n## %s\n\n| metric | type | labels and their values | help |\n|---|---|---|---|\n", title)
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if m := metrics[name]; strings.HasPrefix(name, prefix) {
			help := m.help
			if m.only != "" {
				help = strings.TrimSuffix(help, ".") + ". Only " + m.only + "."
			}
			fmt.Fprintf(page, "| %s | %s | %s | %s |\n", code(name), m.kind, m.labelled(), cell(help))
		}
	}
}

// labelled lists the labels with their values. Those of an information metric
// are another build's in another build, and roots are those of the bundle.
func (m metric) labelled() string {
	var labels []string
	for _, label := range slices.Sorted(maps.Keys(m.labels)) {
		if strings.HasSuffix(m.name, "_info") || label == "root" {
			labels = append(labels, code(label))
			continue
		}
		var values []string
		for _, value := range slices.Sorted(slices.Values(m.labels[label])) {
			values = append(values, code(value))
		}
		labels = append(labels, code(label)+": "+strings.Join(values, ", "))
	}
	return strings.Join(labels, "; ")
}
