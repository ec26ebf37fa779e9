package resources

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reread is a folder that is read again after each change of a test.
type reread struct {
	t      *testing.T
	dir    string
	reader *reader
	last   *Snapshots
}

func newReread(t *testing.T, files map[string]string) *reread {
	t.Helper()
	r := &reread{t: t, dir: folderOf(t, files)}
	r.reader = newReader(Config{Dir: r.dir})
	r.last = r.read()
	return r
}

func (r *reread) write(name, content string) {
	r.t.Helper()
	rename(r.t, filepath.Join(r.dir, filepath.FromSlash(name)), content)
}

func (r *reread) remove(name string) {
	r.t.Helper()
	if err := os.RemoveAll(filepath.Join(r.dir, filepath.FromSlash(name))); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reread) read() *Snapshots {
	r.t.Helper()
	s, err := r.reader.read(time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// changed reads, and returns those of the groups and "" that have another snapshot
// than before.
func (r *reread) changed() string {
	r.t.Helper()
	now := r.read()
	got := now.changed(r.last)
	r.last = now
	return strings.Join(got, " ")
}

// made returns the units that the last reading made anew, by path.
func made(before, after map[string]sourced) string {
	var paths []string
	for path, u := range after {
		if before[path].unit != u.unit {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return strings.Join(paths, " ")
}

// bodyOf is where a cluster's bytes are.
func bodyOf(t *testing.T, s *Snapshot, name string) *byte {
	t.Helper()
	r := s.find(clusterURL, name)
	if r == nil {
		t.Fatalf("there is no cluster %s", name)
	}
	return &r.Body[0]
}

func slow(name string) string { return strings.Replace(cluster(name), "1s", "9s", 1) }

func TestAReloadMakesAnewOnlyWhatChanged(t *testing.T) {
	pair, next := issue(t, nil), issue(t, nil)
	r := newReread(t, map[string]string{
		"a.yaml": resourcesOf(cluster("a"), cluster("b")), "c.yaml": resourcesOf(cluster("c")),
		"groups/edge/a.yaml": resourcesOf(cluster("d"), cluster("e")), "groups/edge/b.yaml": resourcesOf(cluster("f")),
		"groups/inner/a.yaml": resourcesOf(cluster("d")), "groups/lone/a.yaml": "resources: []",
		"secrets/web/tls.crt": pair.cert, "secrets/web/tls.key": pair.key,
		"groups/edge/secrets/api/ca.crt": pair.ca,
	})
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(r.dir, from), filepath.Join(r.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		// made are the units that are made anew, and changed the groups that have a new
		// snapshot, "" being the top.
		made    string
		changed string
	}{
		{"nothing", func() {}, "", ""},
		{"a file that is written as it was", func() { r.write("a.yaml", resourcesOf(cluster("a"), cluster("b"))) }, "", ""},
		{"a file with another order", func() { r.write("a.yaml", resourcesOf(cluster("b"), cluster("a"))) }, "a.yaml", ""},
		{"a resource of a group", func() { r.write("groups/edge/a.yaml", resourcesOf(slow("d"), cluster("e"))) }, "groups/edge/a.yaml", "edge"},
		{"a resource that moves from one file of a group to another", func() {
			r.write("groups/edge/a.yaml", resourcesOf(slow("d")))
			r.write("groups/edge/b.yaml", resourcesOf(cluster("e"), cluster("f")))
		}, "groups/edge/a.yaml groups/edge/b.yaml", ""},
		{"a resource at the top", func() { r.write("c.yaml", resourcesOf(slow("c"))) }, "c.yaml", " edge inner lone"},
		{"the certificate of a group", func() { r.write("groups/edge/secrets/api/ca.crt", next.ca) }, "groups/edge/secrets/api", "edge"},
		{"the pair of all", func() { r.write("secrets/web/tls.crt", next.cert); r.write("secrets/web/tls.key", next.key) }, "secrets/web", " edge inner lone"},
		{"a folder of a secret that is put in place of another", func() {
			write(t, filepath.Join(r.dir, ".next", "ca.crt"), pair.ca)
			r.remove("groups/edge/secrets/api")
			move(".next", "groups/edge/secrets/api")
		}, "groups/edge/secrets/api", "edge"},
		{"a group that comes with nothing in it", func() { write(t, filepath.Join(r.dir, "groups", "new", ".keep"), "") }, "", ""},
		{"something in it", func() { r.write("groups/new/a.yaml", resourcesOf(cluster("new"))) }, "groups/new/a.yaml", "new"},
		{"a group that goes", func() { r.remove("groups/new") }, "", "new"},
		{"a group that goes and had nothing", func() { r.remove("groups/lone") }, "", ""},
		{"a resource that moves from a group to the top", func() {
			move("groups/inner/a.yaml", "groups/inner/.away")
			r.write("z.yaml", resourcesOf(cluster("z")))
		}, "z.yaml", " edge inner"},
		{"a group that takes another name", func() { move("groups/edge", "groups/outer") }, "groups/outer/a.yaml groups/outer/b.yaml groups/outer/secrets/api", "edge outer"},
	} {
		t.Run(step.name, func(t *testing.T) {
			before := maps.Clone(r.reader.units)
			step.change()
			if got := r.changed(); got != step.changed {
				t.Errorf("changed for %q, want %q", got, step.changed)
			}
			if got := made(before, r.reader.units); got != step.made {
				t.Errorf("made %q anew, want %q", got, step.made)
			}
		})
	}
}

func TestAResourceThatMovesToTheTopIsNoChangeForItsGroup(t *testing.T) {
	r := newReread(t, map[string]string{"a.yaml": resourcesOf(cluster("a")), "groups/edge/b.yaml": resourcesOf(cluster("b"))})
	if err := os.Rename(filepath.Join(r.dir, "groups", "edge", "b.yaml"), filepath.Join(r.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := r.changed(); got != "" {
		t.Errorf("changed for %q, want the top alone", got)
	}
	if namesIn(r.last.For("edge")) != "a b" || namesIn(r.last.For("")) != "a b" {
		t.Error("it did not move")
	}
}

// TestWhatDidNotChangeKeepsItsBytes looks at where the bytes are: they are shared by
// all groups and states, and so was their hash made once.
func TestWhatDidNotChangeKeepsItsBytes(t *testing.T) {
	r := newReread(t, map[string]string{
		"a.yaml": resourcesOf(cluster("a"), cluster("b")), "groups/edge/e.yaml": resourcesOf(cluster("e"), cluster("f")), "groups/inner/e.yaml": resourcesOf(cluster("e")),
	})
	first := r.last
	a, e := bodyOf(t, first.For(""), "a"), bodyOf(t, first.For("edge"), "e")
	same := func(when string) {
		t.Helper()
		r.last = r.read()
		for _, group := range []string{"", "edge", "inner"} {
			if bodyOf(t, r.last.For(group), "a") != a {
				t.Errorf("%s: group %q has other bytes of what stands at the top", when, group)
			}
		}
		if bodyOf(t, r.last.For("edge"), "e") != e {
			t.Errorf("%s: the group has other bytes of its own resource", when)
		}
	}
	same("nothing changed")
	r.write("a.yaml", resourcesOf(cluster("a"), slow("b")))
	same("its neighbour changed")
	r.write("groups/edge/e.yaml", resourcesOf(cluster("e"), slow("f")))
	same("the group's neighbour changed")
	r.write("a.yaml", resourcesOf(cluster("b")))
	r.write("x.yaml", resourcesOf(cluster("a")))
	same("it moved to another file")

	r.write("x.yaml", "{broken")
	if _, err := r.reader.read(time.Now()); err == nil {
		t.Fatal("a broken file was read")
	}
	r.write("x.yaml", resourcesOf(cluster("a")))
	same("its file was broken for a while")

	r.write("groups/inner/e.yaml", resourcesOf(slow("e")))
	before := r.last
	same("another group changed")
	if r.last.For("edge") != before.For("edge") || r.last.For("") != before.For("") || r.last.For("inner") == before.For("inner") {
		t.Error("a change of one group touches another, or not the one")
	}
	if r.last.For("").set(listenerURL) != r.last.For("inner").set(listenerURL) {
		t.Error("a type of which a group has none of its own is not shared")
	}
}

// TestReloadsAgreeWithAFirstReading holds the cache to what is read without one.
func TestReloadsAgreeWithAFirstReading(t *testing.T) {
	pair := issue(t, nil)
	states := []map[string]string{
		{"a.yaml": resourcesOf(cluster("a"), cluster("b")), "groups/edge/r.yaml": resourcesOf(routeTo("r", "a"))},
		{"a.yaml": resourcesOf(cluster("b")), "groups/edge/r.yaml": resourcesOf(routeTo("r", "a"))},
		{"a.yaml": resourcesOf(cluster("b")), "groups/edge/r.yaml": resourcesOf(routeTo("r", "a")), "groups/edge/a.yaml": resourcesOf(cluster("a"))},
		{"a.yaml": resourcesOf(cluster("b"), cluster("a")), "groups/edge/r.yaml": resourcesOf(routeTo("r", "a")), "groups/edge/a.yaml": resourcesOf(cluster("a"))},
		{"a.yaml": resourcesOf(routeTo("r", "a"))},
		{"a.yaml": resourcesOf(routeTo("r", "a")), "groups/edge/a.yaml": resourcesOf(cluster("a"))},
		{"a.yaml": resourcesOf(routeTo("r", "a"), cluster("a")), "groups/edge/a.yaml": "x: 1"},
		{"a.yaml": resourcesOf(routeTo("r", "a"), cluster("a")), "groups/edge/a.yaml": resourcesOf(cluster("c"))},
		{"a.yaml": resourcesOf(routeTo("r", "a"), cluster("a")), "groups/edge/a.yaml": resourcesOf(cluster("c")), "secrets/web/tls.crt": pair.cert},
		{"a.yaml": resourcesOf(routeTo("r", "a"), cluster("a")), "groups/edge/a.yaml": resourcesOf(cluster("c")), "secrets/web/tls.crt": pair.cert, "secrets/web/tls.key": pair.key},
		{"a.yaml": resourcesOf(sourceless("sds_config: {ads: {}}")), "secrets/s/ca.crt": pair.ca},
		{"a.yaml": resourcesOf(sourceless("sds_config: {ads: {}}")), "groups/edge/secrets/s/ca.crt": pair.ca},
		{"a.yaml": resourcesOf(sourceless("")), "groups/edge/secrets/s/ca.crt": pair.ca},
	}
	dir := t.TempDir()
	again := newReader(Config{Dir: dir})
	told := func(s *Snapshots, err error) map[string]string {
		if err != nil {
			return map[string]string{"error": err.Error()}
		}
		all := map[string]string{}
		for _, group := range append(s.Groups(), "") {
			for label, version := range versions(s.For(group)) {
				all[group+" "+label] = version
			}
		}
		return all
	}
	failures := 0
	for round := range 2 {
		for i := range states {
			// Forwards, and then from any state to any other.
			state := states[(i*(1+round*6))%len(states)]
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			for name, content := range state {
				write(t, filepath.Join(dir, filepath.FromSlash(name)), content)
			}
			first := told(Read(Config{Dir: dir}))
			if diff := cmp.Diff(first, told(again.read(time.Now()))); diff != "" {
				t.Errorf("round %d, state %d: %s", round, i, diff)
			}
			if first["error"] != "" {
				failures++
			}
		}
	}
	if failures == 0 || failures == 2*len(states) {
		t.Errorf("%d failures: the states are all good, or all bad", failures)
	}
}
