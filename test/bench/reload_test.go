package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

const (
	reloadFiles    = 100
	reloadClusters = 100 // in each file
	reloadGroups   = 100
)

// BenchmarkReload says what part of the work of a start it is to take over one changed
// file of a folder, from the file system's notice until all streams would be woken: of
// 10,000 clusters for everybody, and of the same with a hundred groups that have a
// cluster of their own beside them, where the change concerns one group or all.
func BenchmarkReload(b *testing.B) {
	for _, c := range []struct {
		name    string
		groups  int
		changed string
	}{
		{"no groups", 0, topFile(0)},
		{"100 groups, one concerned", reloadGroups, groupFile(0)},
		{"100 groups, all concerned", reloadGroups, topFile(0)},
	} {
		b.Run(c.name, func(b *testing.B) {
			work := comparison{unit: "cpu-ms/change", baseline: "start"}
			memory := comparison{unit: "heap-bytes/cluster", baseline: "start-without-groups"}
			inRounds(b, func(round int) {
				bare := newReload(b, 0, topFile(0))
				ours := bare
				if c.groups > 0 {
					ours = newReload(b, c.groups, c.changed)
				}
				if round != warmUp {
					work.add(ours.start, ours.change)
					memory.add(bare.bytes, ours.bytes)
				}
			})
			work.report(b)
			if c.groups > 0 {
				memory.report(b)
			}
		})
	}
}

func topFile(i int) string   { return fmt.Sprintf("f%03d.yaml", i) }
func groupFile(i int) string { return fmt.Sprintf("groups/g%03d/own.yaml", i) }

// reloadFile is what a file holds; in its first cluster it differs with round.
func reloadFile(path string, clusters, round int) []byte {
	var text strings.Builder
	text.WriteString("resources:\n")
	for i := range clusters {
		fmt.Fprintf(&text, "- {\"@type\": %s, name: %s-%d, connect_timeout: %ds, type: STATIC}\n", clusterURL, path, i, 1+round)
		round = 0
	}
	return []byte(text.String())
}

// A reload is what a folder takes: milliseconds of processor time for the first reading
// and for a change, and bytes of the heap for each cluster.
type reload struct{ start, change, bytes float64 }

func newReload(b testing.TB, groups int, changed string) reload {
	b.Helper()
	dir, aside := b.TempDir(), filepath.Join(b.TempDir(), "next")
	files := reloadFolder(b, dir, groups)
	heap, before := used(true).Heap, used(false).CPU
	folder, err := resources.Open(resources.Config{Dir: dir})
	must(b, err)
	server := xds.New(xds.Config{Credentials: insecure.NewCredentials(), Snapshots: folder.Snapshots()})
	r := reload{start: milliseconds(used(false).CPU - before)}
	r.bytes = float64(used(true).Heap-heap) / float64(reloadFiles*reloadClusters+groups)

	ctx, cancel := context.WithCancel(b.Context())
	published := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		_ = folder.Run(ctx, func(s *resources.Snapshots) {
			server.Publish(s)
			select {
			case published <- struct{}{}:
			case <-ctx.Done(): // nobody waits any more
			}
		})
	})
	defer running.Wait()
	defer cancel()
	for round := 1; round <= 2; round++ { // the first has the beginning of the watch in it
		before = used(false).CPU
		certtest.WriteFile(b, aside, reloadFile(changed, files[changed], round))
		must(b, os.Rename(aside, filepath.Join(dir, changed)))
		select {
		case <-published:
		case <-time.After(patience):
			b.Fatal("the change is never published")
		}
		r.change = milliseconds(used(false).CPU - before)
	}
	return r
}

// reloadFolder fills a folder, and returns how many clusters each file has. It is one at
// rest, so that a file that looks as before is taken to be as before.
func reloadFolder(b testing.TB, dir string, groups int) map[string]int {
	b.Helper()
	files := map[string]int{}
	for i := range reloadFiles {
		files[topFile(i)] = reloadClusters
	}
	for i := range groups {
		files[groupFile(i)] = 1
	}
	then := time.Now().Add(-time.Hour)
	for name, clusters := range files {
		path := filepath.Join(dir, name)
		must(b, os.MkdirAll(filepath.Dir(path), 0o755))
		certtest.WriteFile(b, path, reloadFile(name, clusters, 0))
		must(b, os.Chtimes(path, then, then))
	}
	return files
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
