package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// A folder is a resources folder that is replaced as Kubernetes does it: all files
// at once, by the swap of the ..data link that they all go through.
type folder struct {
	t    *testing.T
	path string
	// ports are those of the three listeners, which stay.
	http, https, tcp string
	// source is how resources refer to others.
	source string
	pair   *certtest.Pair
	swaps  int
}

func newFolder(t *testing.T, f *fixture) *folder {
	t.Helper()
	d := &folder{t: t, path: f.resources, pair: f.web.Issue(t, certtest.Server()), source: overADS}
	d.http, d.https, d.tcp = freePort(t), freePort(t), freePort(t)
	return d
}

// freePort is a port of loopback that was free just now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// publish makes the folder hold a site and nothing else.
func (d *folder) publish(s *site) {
	d.t.Helper()
	d.swaps++
	generation := "..generation-" + strconv.Itoa(d.swaps)
	if err := os.Mkdir(filepath.Join(d.path, generation), 0o700); err != nil {
		d.t.Fatal(err)
	}
	for name, text := range d.render(s) {
		if err := os.WriteFile(filepath.Join(d.path, generation, name), []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
		d.link(filepath.Join("..data", name), name)
	}
	old, _ := os.Readlink(filepath.Join(d.path, "..data"))
	next := filepath.Join(d.path, "..data_tmp")
	if err := os.Symlink(generation, next); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(d.path, "..data")); err != nil {
		d.t.Fatal(err)
	}
	if old != "" {
		if err := os.RemoveAll(filepath.Join(d.path, old)); err != nil {
			d.t.Fatal(err)
		}
	}
}

// link makes a link once.
func (d *folder) link(target, name string) {
	d.t.Helper()
	if err := os.Symlink(target, filepath.Join(d.path, name)); err != nil && !os.IsExist(err) {
		d.t.Fatal(err)
	}
}

// render returns the site's files.
func (d *folder) render(s *site) map[string]string {
	return map[string]string{
		"listeners.yaml": d.listeners(s),
		"routes.yaml": list(fmt.Sprintf(`
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: %s
  virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: %s}}]}]
`, s.route, s.cluster)),
		"clusters.yaml":  strings.ReplaceAll(s.clusters(), "SOURCE", d.source),
		"endpoints.yaml": s.endpoints(),
		"secrets.yaml":   list(d.secrets(s)...),
	}
}

func (d *folder) secrets(s *site) []string {
	certificate, key := indent(string(d.pair.CertPEM())), indent(string(d.pair.KeyPEM(d.t)))
	all := []string{fmt.Sprintf(secretYAML, s.secret, certificate, key)}
	if s.spare != "" {
		all = append(all, fmt.Sprintf(secretYAML, s.spare, certificate, key))
	}
	return all
}

func (d *folder) listeners(s *site) string {
	return strings.NewReplacer("EDITION", strconv.Itoa(s.edition), "ROUTE", s.route, "CLUSTER", s.cluster, "SECRET", s.secret,
		"SOURCE", d.source, "PORT-HTTPS", d.https, "PORT-HTTP", d.http, "PORT-TCP", d.tcp).Replace(siteListeners)
}

func (d *folder) urls() []string {
	return []string{"http://127.0.0.1:" + d.http, "https://127.0.0.1:" + d.https, "http://127.0.0.1:" + d.tcp}
}
