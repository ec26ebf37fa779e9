package resources

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// BenchmarkRead reads a folder of 10,000 clusters and routes to them, in YAML and in JSON, and
// says how much longer that takes than protojson alone with as many clusters.
func BenchmarkRead(b *testing.B) {
	const clusters = 10_000
	var inYAML, inJSON, routes []string
	for i := range clusters {
		name := fmt.Sprintf("c%d", i)
		inYAML = append(inYAML, cluster(name))
		inJSON = append(inJSON, fmt.Sprintf(`{"@type": %q, "name": %q, "connect_timeout": "1s", "type": "STATIC"}`, clusterURL, name))
		routes = append(routes, fmt.Sprintf("{match: {prefix: /%d}, route: {cluster: c%d}}", i, i))
	}
	route := strings.Replace(routeEmpty, "name: r\n", "name: r\n  virtual_hosts: [{name: v, domains: [\"*\"], routes: ["+strings.Join(routes, ", ")+"]}]\n", 1)
	start := time.Now()
	for i := range clusters {
		if err := protojson.Unmarshal(fmt.Appendf(nil, `{"name": "c%d", "connect_timeout": "1s", "type": "STATIC"}`, i), &clusterv3.Cluster{}); err != nil {
			b.Fatal(err)
		}
	}
	bare := time.Since(start)
	for name, files := range map[string]map[string]string{
		"YAML": {"a.yaml": resourcesOf(inYAML...), "r.yaml": resourcesOf(route)},
		"JSON": {"a.json": `{"resources": [` + strings.Join(inJSON, ",\n") + "]}"},
	} {
		b.Run(name, func(b *testing.B) {
			dir := folderOf(b, files)
			for b.Loop() {
				if _, err := Read(Config{Dir: dir}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(bare), "times-bare-protojson")
		})
	}
}

// BenchmarkReload changes one file of 100 with 100 clusters each, and says what part
// of a first reading the next one takes: of what stands at the top, and of a group of
// two with the same files in each. The third is a reading after which nothing differs.
func BenchmarkReload(b *testing.B) {
	const count = 100
	content := func(file, round int) string {
		items := make([]string, count)
		for i := range items {
			items[i] = cluster(fmt.Sprintf("c%d-%d", file, i))
		}
		items[0] = strings.Replace(items[0], "1s", fmt.Sprintf("%ds", 1+round), 1)
		return resourcesOf(items...)
	}
	for name, at := range map[string]string{"top": "f%d.yaml", "group": "groups/edge/f%d.yaml", "nothing": "f%d.yaml"} {
		b.Run(name, func(b *testing.B) {
			all := map[string]string{"top.yaml": "resources: []"}
			for i := range count {
				all[fmt.Sprintf(at, i)] = content(i, 0)
				if name == "group" {
					all[fmt.Sprintf("groups/inner/f%d.yaml", i)] = content(i, 0)
				}
			}
			dir := folderOf(b, all)
			for path := range all { // a folder at rest, of which each stamp counts
				then := time.Now().Add(-time.Hour)
				if err := os.Chtimes(filepath.Join(dir, path), then, then); err != nil {
					b.Fatal(err)
				}
			}
			r := newReader(Config{Dir: dir})
			start := time.Now()
			if _, err := r.read(time.Now()); err != nil {
				b.Fatal(err)
			}
			first, round := time.Since(start), 0
			for b.Loop() {
				if name != "nothing" {
					b.StopTimer()
					round++
					write(b, filepath.Join(dir, fmt.Sprintf(at, 0)), content(0, round))
					b.StartTimer()
				}
				if _, err := r.read(time.Now()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(first), "times-a-first-reading")
		})
	}
}
