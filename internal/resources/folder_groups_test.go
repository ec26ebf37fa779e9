package resources

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestAFolderIsFollowedInItsDepth changes what lies in sub-folders, which come and go
// meanwhile.
func TestAFolderIsFollowedInItsDepth(t *testing.T) {
	one, other := issue(t, nil), issue(t, nil)
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	at := func(parts ...string) string { return filepath.Join(append([]string{f.dir}, parts...)...) }
	put := func(pair issued, dir string) {
		t.Helper()
		for name, content := range map[string]string{"tls.crt": pair.cert, "tls.key": pair.key} {
			write(t, filepath.Join(dir, name), content)
		}
	}
	steps := []struct {
		name   string
		change func()
		// group is whose Envoys get something else, and want what they get.
		group, want string
	}{
		{"a group comes", func() { write(t, at("groups", "edge", "a.yaml"), resourcesOf(cluster("b"))) }, "edge", "a b"},
		{"its file changes", func() { rename(t, at("groups", "edge", "a.yaml"), resourcesOf(cluster("c"))) }, "edge", "a c"},
		{"a secret comes", func() { put(one, at("secrets", ".web")); mustRename(t, at("secrets", ".web"), at("secrets", "web")) }, "", "a web"},
		{"a secret is replaced by a link to another folder", func() {
			put(other, at(".elsewhere"))
			if err := os.Symlink(at(".elsewhere"), at(".link")); err != nil {
				t.Fatal(err)
			}
			mustRename(t, at("secrets", "web"), at("secrets", ".old"))
			mustRename(t, at(".link"), at("secrets", "web"))
		}, "", "a web"},
		{"a secret of the group comes", func() {
			write(t, at("groups", "edge", ".next", "trust", "ca.crt"), one.ca)
			mustRename(t, at("groups", "edge", ".next"), at("groups", "edge", "secrets"))
		}, "edge", "a c trust web"},
		{"the group goes", func() {
			if err := os.RemoveAll(at("groups")); err != nil {
				t.Fatal(err)
			}
		}, "edge", "a web"},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			before := f.Snapshots()
			step.change()
			// A step of several parts may be seen halfway.
			for {
				now := f.nextState(t)
				if got := strings.Join(append(names(now.For(step.group)), keys(secretsOf(t, now.For(step.group)))...), " "); got == step.want {
					break
				}
			}
			if f.Snapshots().For(step.group) == before.For(step.group) {
				t.Error("the snapshot is as it was")
			}
			if step.group != "" && f.Snapshots().For("") != before.For("") {
				t.Error("the change touched the others")
			}
		})
	}
	f.logged(t, `changed_for="\"edge\""`, 1)
	f.logged(t, "changed_for=all", 1)
}

func mustRename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestAGroupThatHasNothingIsKnownAndNotPublished(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{"a.yaml": resourcesOf(cluster("a"))}))
	if err := os.MkdirAll(filepath.Join(f.dir, "groups", "edge"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.metrics(t, reloads("1", "0", "1"))
	if len(f.published) != 0 || len(f.Snapshots().Groups()) != 1 {
		t.Errorf("published %d states, knows the groups %v", len(f.published), f.Snapshots().Groups())
	}
}

func TestWhatStandsAtTheTopIsCountedOnce(t *testing.T) {
	f := follow(t, folderOf(t, map[string]string{
		"a.yaml": resourcesOf(cluster("a"), cluster("b")), "groups/edge/a.yaml": resourcesOf(cluster("c")), "groups/inner/a.yaml": resourcesOf(cluster("c")),
	}))
	const series = "contour_resources"
	err := testutil.GatherAndCompare(f.registry, strings.NewReader(strings.Replace(resourcesMetric(), `"cluster"} 0`, `"cluster"} 4`, 1)), series)
	if err != nil {
		t.Error(err)
	}
}
