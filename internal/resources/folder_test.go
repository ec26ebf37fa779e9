package resources

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer is a log that is written and read at once.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), text)
}

// followed is a folder that Run follows, with what came of it.
type followed struct {
	*Folder
	dir       string
	log       *logBuffer
	published chan *Snapshots
	registry  *prometheus.Registry
}

func follow(t *testing.T, dir string) *followed {
	t.Helper()
	f := &followed{dir: dir, log: &logBuffer{}, published: make(chan *Snapshots, 10), registry: prometheus.NewPedanticRegistry()}
	var err error
	f.Folder, err = Open(Config{Dir: dir, Registerer: f.registry, Logger: slog.New(slog.NewTextHandler(f.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, func(s *Snapshots) { f.published <- s }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return f
}

// next returns what stands at the top of the next state that is published.
func (f *followed) next(t *testing.T) *Snapshot {
	t.Helper()
	return f.nextState(t).For("")
}

// nextState returns the next state that is published.
func (f *followed) nextState(t *testing.T) *Snapshots {
	t.Helper()
	select {
	case s := <-f.published:
		if f.Snapshots() != s {
			t.Error("what is published is not in force")
		}
		return s
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was published")
		return nil
	}
}

// logged waits until the log has the text that many times.
func (f *followed) logged(t *testing.T, text string, times int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f.log.count(text) >= times {
			return
		}
	}
	t.Fatalf("the log has %q %d times, want %d:\n%s", text, f.log.count(text), times, f.log.buf.String())
}

func (f *followed) metrics(t *testing.T, want string) {
	t.Helper()
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = testutil.GatherAndCompare(f.registry, strings.NewReader(want), "contour_resources_reloads_total", "contour_resources_last_reload_successful"); err == nil {
			return
		}
	}
	t.Error(err)
}

func reloads(success, failure, last string) string {
	return `# HELP contour_resources_reloads_total Times that the resource folder was read again after a change, by result. A failure leaves the last good state in force.
# TYPE contour_resources_reloads_total counter
contour_resources_reloads_total{result="failure"} ` + failure + `
contour_resources_reloads_total{result="success"} ` + success + `
# HELP contour_resources_last_reload_successful 1 if the resource folder on disk is what is served, 0 if its last change was refused.
# TYPE contour_resources_last_reload_successful gauge
contour_resources_last_reload_successful ` + last + "\n"
}

func names(s *Snapshot) []string {
	var all []string
	for _, r := range s.Resources(clusterURL) {
		all = append(all, r.Name)
	}
	return all
}

// rename puts content in place as editors do.
func rename(t *testing.T, path, content string) {
	t.Helper()
	write(t, path+".tmp", content)
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
}

func TestChangesArePublished(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	f.metrics(t, reloads("0", "0", "1"))

	rename(t, filepath.Join(f.dir, "a.yaml"), resourcesOf(cluster("b")))
	if diff := cmp.Diff([]string{"b"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
	write(t, filepath.Join(f.dir, "c.yaml"), resourcesOf(cluster("c")))
	if diff := cmp.Diff([]string{"b", "c"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
	if err := os.Remove(filepath.Join(f.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
	f.metrics(t, reloads("3", "0", "1"))
	f.logged(t, "serving changed resources", 3)
	f.logged(t, "resources.cluster=2", 1)
}

func TestKubernetesSwapIsPublished(t *testing.T) {
	dir := folderOf(t, map[string]string{"..1/a.yaml": resourcesOf(cluster("a")), "..2/a.yaml": resourcesOf(cluster("b"))})
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link("..data/a.yaml", "a.yaml")
	f := follow(t, dir)
	link("..2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenChangeKeepsTheLastGoodState(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	good, path := f.Snapshots().For(""), filepath.Join(f.dir, "a.yaml")
	const refusal = "refusing changed resources"

	rename(t, path, "resources:\n- broken\n")
	f.logged(t, refusal, 1)
	f.logged(t, "has a resource that is no mapping of fields", 1)
	f.metrics(t, reloads("0", "1", "0"))

	// The same content anew is read anew, but is nothing new to say.
	rename(t, path, "resources:\n- broken\n")
	f.metrics(t, reloads("0", "2", "0"))
	if n := f.log.count(refusal); n != 1 {
		t.Errorf("the same error was logged %d times", n)
	}

	rename(t, path, resourcesOf(cluster("a")))
	f.logged(t, "resources are good again, and as they were", 1)
	f.metrics(t, reloads("1", "2", "1"))
	if f.Snapshots().For("") != good || len(f.published) != 0 {
		t.Error("what had not changed was published")
	}

	rename(t, path, "resources:\n- broken\n")
	f.logged(t, refusal, 2)
	rename(t, path, resourcesOf(cluster("b")))
	if diff := cmp.Diff([]string{"b"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
	f.metrics(t, reloads("2", "3", "1"))
}

func TestAFolderThatGoesAwayKeepsTheLastGoodState(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	f.logged(t, "refusing changed resources", 1)
	if diff := cmp.Diff([]string{"a"}, names(f.Snapshots().For(""))); diff != "" {
		t.Error(diff)
	}
	write(t, filepath.Join(f.dir, "a.yaml"), resourcesOf(cluster("b")))
	if diff := cmp.Diff([]string{"b"}, names(f.next(t))); diff != "" {
		t.Error(diff)
	}
}

func TestAFileOfAnotherKindIsNoChange(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	write(t, filepath.Join(f.dir, "README.md"), "words")
	f.metrics(t, reloads("1", "0", "1"))
	if len(f.published) != 0 || f.log.count("level=") != 0 {
		t.Error("a file that is passed over was published or logged")
	}
}

// resourcesMetric is what is scraped where there is no resource.
func resourcesMetric() string {
	text := "# HELP contour_resources Resources in force, by type, over all groups: one at the top counts once.\n# TYPE contour_resources gauge\n"
	for _, label := range []string{"cluster", "endpoint", "extension_config", "listener", "route", "runtime", "secret"} {
		text += `contour_resources{type="` + label + `"} 0` + "\n"
	}
	return text
}

func TestAllSeriesAreThereFromTheStart(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"), cluster("b"))}))
	want := strings.Replace(resourcesMetric(), `"cluster"} 0`, `"cluster"} 2`, 1)
	if err := testutil.GatherAndCompare(f.registry, strings.NewReader(want), "contour_resources"); err != nil {
		t.Error(err)
	}
}

func TestOpenFails(t *testing.T) {
	good := folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))})
	if _, err := Open(Config{Dir: folderOf(t, map[string]string{"a.yaml": "broken"})}); err == nil || len(findings(t, err)) != 1 {
		t.Errorf("a broken folder: got %v", err)
	}
	registry := prometheus.NewRegistry()
	if _, err := Open(Config{Dir: good, Registerer: registry}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: good, Registerer: registry}); err == nil || !strings.HasPrefix(err.Error(), "registering the metrics of resources: ") {
		t.Errorf("metrics that are there already: got %v", err)
	}
	if _, err := Open(Config{Dir: good}); err != nil {
		t.Errorf("without a registerer or a logger: %v", err)
	}
}
