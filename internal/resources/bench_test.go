package resources

import (
	"fmt"
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
