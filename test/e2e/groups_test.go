package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/test/envoy"
)

// TestAnEnvoyRunsWhatItsGroupHas starts an Envoy of each of two groups and one of
// none, and changes what one group has: it reaches that group's Envoy alone.
func TestAnEnvoyRunsWhatItsGroupHas(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"delta-ads", "ads", "delta", "sotw"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.write("top.yaml", manyClusters(2, 5))
			write := func(group, cluster string) {
				dir := filepath.Join(f.resources, "groups", group)
				must(t, os.MkdirAll(dir, 0o755))
				f.write(filepath.Join("groups", group, "own.yaml"), `resources: [{"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: `+cluster+", type: STATIC}]\n")
			}
			write("edge", "for-the-edge")
			write("inner", "for-the-inside")
			c := f.serve()
			envoys := map[string]*envoy.Envoy{}
			for _, group := range []string{"edge", "inner", "none"} {
				envoys[group] = envoy.Start(t, f.bootstrap(c, f.client, "--xds-protocol", protocol, "--node-cluster", group), envoy.Options{})
			}
			updates := map[string]int{}
			for group, e := range envoys {
				wantRunningOf(t, e, f.resources, group)
				n, err := e.Stat("cluster_manager.cds.update_success")
				must(t, err)
				updates[group] = n
			}

			write("edge", "another-for-the-edge")
			wantRunningOf(t, envoys["edge"], f.resources, "edge")
			c.wantMetric(1, "contour_resources_reloads_total", "result", "success")
			for _, group := range []string{"inner", "none"} {
				wantRunningOf(t, envoys[group], f.resources, group)
				if n, err := envoys[group].Stat("cluster_manager.cds.update_success"); err != nil || n != updates[group] {
					t.Errorf("the Envoy of %s counts %d updates, %d of them before the change (%v)", group, n, updates[group], err)
				}
			}
		})
	}
}

// wantRunningOf waits until an Envoy runs just what its group has.
func wantRunningOf(t *testing.T, e *envoy.Envoy, folder, group string) {
	t.Helper()
	snapshots, err := resources.Read(resources.Config{Dir: folder})
	must(t, err)
	envoy.Eventually(t, runsPromptly, "Envoy runs what its group has", func() error {
		got, err := runningIn(e)
		if err != nil {
			return err
		}
		return got.compare(snapshots.For(group))
	})
}
