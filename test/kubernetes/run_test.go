package kubernetes

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/test/envoy"
)

// TestBothSidesRunAsTheManifestsSay goes from two Secrets to an Envoy that serves,
// a changed resource, and the end of both.
func TestBothSidesRunAsTheManifestsSay(t *testing.T) {
	d := newDeployment(t)
	c := d.startContour(d.xds)
	p, e := d.startEnvoy()
	d.waitReady("envoy", e, d.readiness)
	hello := fmt.Sprintf("http://127.0.0.1:%d/hello", d.http)
	wantAnswer(t, hello, "hello from contour\n")

	for series, want := range map[string]string{
		`contour_xds_tls_handshakes_total{result="success"}`: "1",
		"contour_credentials_reload_pending":                 "0",
	} {
		wantMetric(t, c.metrics, series, want)
	}
	wantMetric(t, c.metrics, fmt.Sprintf("contour_xds_connections{root=%q}", credentials.RootFingerprint(d.ca.Cert)), "1")
	d.wantProbes("contour", map[string]int{"metrics": c.metrics})
	d.wantProbes("envoy", map[string]int{"http": d.http, "readiness": d.readiness})
	if info, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/server_info", d.admin)); err != nil || !strings.Contains(info, `"`+p.id+`"`) {
		t.Errorf("Envoy does not bear the name %s of its pod: %v", p.id, err)
	}

	d.replace("contour-resources", "routes.yaml", "hello from contour", "another greeting")
	c.pod.refresh()
	wantAnswer(t, hello, "another greeting\n")

	wantNothingWritten(t, d.kubelet, p)
	e.terminate()
	c.terminate()
}

// wantProbes asks all that the kubelet and Prometheus ask of a pod. Its ports, by
// their names, are those of this machine.
func (d *deployment) wantProbes(name string, ports map[string]int) {
	d.t.Helper()
	template := d.pods[name].template
	c := template.Spec.Containers[0]
	for kind, p := range probesOf(c) {
		if err := probe(p, ports[p.HTTPGet.Port.StrVal]); err != nil {
			d.t.Errorf("%s: the %s probe fails: %v", name, kind, err)
		}
	}
	scraped := 0
	for _, p := range c.Ports {
		if strconv.Itoa(int(p.ContainerPort)) == template.Annotations["prometheus.io/port"] {
			scraped = ports[p.Name]
		}
	}
	url := fmt.Sprintf("http://127.0.0.1:%d%s", scraped, template.Annotations["prometheus.io/path"])
	text, err := fetch(url)
	if err == nil {
		err = getOK(url)
	}
	if err != nil || !strings.Contains(text, "# TYPE ") {
		d.t.Errorf("%s: Prometheus finds no metrics: %v", name, err)
	}
}

// TestAnEnvoyWithoutConfigurationIsNotReady starts Envoy first, as happens in a
// cluster in which both are new.
func TestAnEnvoyWithoutConfigurationIsNotReady(t *testing.T) {
	d := newDeployment(t)
	_, e := d.startEnvoy()
	wantNonZero(t, fmt.Sprintf("http://127.0.0.1:%d/stats", d.admin), "cluster.contour.upstream_cx_connect_fail: ")
	if err := probe(d.probe["envoy"], d.readiness); err == nil {
		t.Error("it is ready, and has nothing to serve")
	}
	c := d.startContour(d.xds)
	d.waitReady("envoy", e, d.readiness)

	// And it is to stay ready while contour is away.
	c.terminate()
	wantAnswer(t, fmt.Sprintf("http://127.0.0.1:%d/hello", d.http), "hello from contour\n")
	if err := probe(d.probe["envoy"], d.readiness); err != nil {
		t.Errorf("without contour it is not ready any more: %v", err)
	}
}

// TestTheReadinessPortShowsNoMore of Envoy's admin interface, which could end it.
func TestTheReadinessPortShowsNoMore(t *testing.T) {
	d := newDeployment(t)
	d.startContour(d.xds)
	_, e := d.startEnvoy()
	d.waitReady("envoy", e, d.readiness)
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/ready", http.StatusOK},
		{http.MethodGet, "/stats/prometheus", http.StatusOK},
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/stats", http.StatusNotFound},
		{http.MethodGet, "/config_dump", http.StatusNotFound},
		{http.MethodGet, "/ready/../config_dump", http.StatusNotFound},
		{http.MethodGet, "/ready%2f..%2fconfig_dump", http.StatusNotFound},
		{http.MethodPost, "/ready", http.StatusNotFound},
		{http.MethodPost, "/quitquitquit", http.StatusNotFound},
		{http.MethodPost, "/healthcheck/fail", http.StatusNotFound},
	} {
		request, err := http.NewRequest(test.method, fmt.Sprintf("http://127.0.0.1:%d", d.readiness), http.NoBody)
		must(t, err)
		request.URL.Opaque = test.path // as it stands, not cleaned
		resp, err := http.DefaultTransport.RoundTrip(request)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != test.want {
			t.Errorf("%s %s: got %s, want %d", test.method, test.path, resp.Status, test.want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// wantNothingWritten looks for what a read-only root would have refused.
func wantNothingWritten(t *testing.T, k *kubelet, p *pod) {
	t.Helper()
	if !isRoot() {
		return // what the pod's user wrote can't be told from what the test wrote
	}
	bootstrap := filepath.Join(p.root, p.mountPath("bootstrap"))
	check := func(path string, info fs.FileInfo) {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == p.user.Uid && !strings.HasPrefix(path, bootstrap+"/") {
			t.Errorf("a container wrote %s, and in a cluster its root is read-only", path)
		}
	}
	must(t, filepath.Walk(k.dir, func(path string, info fs.FileInfo, err error) error {
		if err == nil {
			check(path, info)
		}
		return err
	}))
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm", "/run"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // this machine has no such folder
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil {
				check(filepath.Join(dir, entry.Name()), info)
			}
		}
	}
}

func fetch(url string) (string, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func wantAnswer(t *testing.T, url, words string) {
	t.Helper()
	envoy.Eventually(t, deadline, url+" is answered with "+words, func() error {
		got, err := fetch(url)
		if err == nil && got != words {
			err = fmt.Errorf("it is answered with %q", got)
		}
		return err
	})
}

// wantMetric waits until a series of contour has a value.
func wantMetric(t *testing.T, port int, series, want string) {
	t.Helper()
	envoy.Eventually(t, deadline, series+" is "+want, func() error {
		text, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
		if err == nil && !strings.Contains(text, "\n"+series+" "+want+"\n") {
			err = fmt.Errorf("it is not")
		}
		return err
	})
}
