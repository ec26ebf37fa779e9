package prometheus

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

func TestPromtoolAccepts(t *testing.T) {
	rows := []struct {
		name string
		args []string
	}{
		{"the rules", []string{"check", "rules", "--lint=all", "--lint-fatal", "contour.rules.yaml"}},
		{"the configuration", []string{"check", "config", "--lint=all", "--lint-fatal", "prometheus.yaml"}},
		{"what the rules make of each case", []string{"test", "rules", "contour.rules.test.yaml"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { promtool(t, examples, row.args...) })
	}
}

// TestPromtoolAcceptsTheScrapeJobForKubernetes takes it from where a reader does.
// Debian's Prometheus is built without the discovery of pods, and so a target takes
// its place.
func TestPromtoolAcceptsTheScrapeJobForKubernetes(t *testing.T) {
	fence := regexp.MustCompile("(?s)```yaml\n(scrape_configs:.*?)```").FindStringSubmatch(read(t, "README.md"))
	if fence == nil {
		t.Fatal("README.md has no scrape job")
	}
	discovery := regexp.MustCompile(`(?m)^  kubernetes_sd_configs:\n(  [- ] .*\n)+`)
	if !discovery.MatchString(fence[1]) {
		t.Fatalf("no pods are discovered by %s", fence[1])
	}
	job := discovery.ReplaceAllString(fence[1], "  static_configs: [{targets: [127.0.0.1:8000]}]\n")
	dir := t.TempDir()
	promtool(t, dir, "check", "config", write(t, dir, "prometheus.yaml", job))
}

func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	path, err := filepath.Abs(tool(t, "promtool"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}
