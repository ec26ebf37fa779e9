package xds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/resources"
)

func snapshotOf(t *testing.T, text string) *resources.Snapshot {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := resources.Read(resources.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s.For(everyone)
}

// clusters is a snapshot of clusters with their timeouts, as in "a: 1s".
func clusters(t *testing.T, timeouts map[string]string) *resources.Snapshot {
	t.Helper()
	text := "resources: ["
	for name, timeout := range timeouts {
		text += `{"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: ` + name + ", connect_timeout: " + timeout + "},"
	}
	return snapshotOf(t, text+"]")
}

func isOver(m moment) bool {
	select {
	case <-m.over:
		return true
	default:
		return false
	}
}

// TestPublishingWakesWhomItConcerns publishes to groups.
func TestPublishingWakesWhomItConcerns(t *testing.T) {
	one, other := map[string]string{"a": "1s"}, map[string]string{"a": "2s"}
	type groups = map[string]map[string]string
	rows := []struct {
		name          string
		before, after groups
		woken, asleep []string
	}{
		{"the same again", groups{everyone: one, "x": other}, groups{everyone: one, "x": other}, nil, []string{everyone, "x", "stranger"}},
		{"another content of one group", groups{everyone: one, "x": one, "y": one}, groups{everyone: one, "x": other, "y": one}, []string{"x"}, []string{everyone, "y", "stranger"}},
		{"another content of everyone's", groups{everyone: one, "x": one}, groups{everyone: other, "x": one}, []string{everyone, "stranger"}, []string{"x"}},
		{"a group that comes", groups{everyone: one}, groups{everyone: one, "x": other}, []string{"x"}, nil},
		{"a group that goes", groups{everyone: one, "x": other}, groups{everyone: one}, []string{"x"}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			publish := func(c *core, all groups) {
				snapshots := make(map[string]*resources.Snapshot)
				for group, content := range all {
					snapshots[group] = clusters(t, content)
				}
				c.publish(snapshots)
			}
			var c core
			publish(&c, row.before)
			stood := make(map[string]moment)
			for _, group := range append(row.woken, row.asleep...) {
				stood[group] = c.of(group)
			}
			publish(&c, row.after)
			for _, group := range row.woken {
				if !isOver(stood[group]) {
					t.Errorf("%q is not woken", group)
				}
			}
			for _, group := range row.asleep {
				if isOver(stood[group]) {
					t.Errorf("%q is woken", group)
				}
			}
			for _, group := range append(row.woken, row.asleep...) {
				if isOver(c.of(group)) {
					t.Errorf("what %q is served now is over", group)
				}
			}
		})
	}
}

// TestWhatDidNotChangeIsTheSame holds generations to sharing.
func TestWhatDidNotChangeIsTheSame(t *testing.T) {
	before := newGeneration(clusters(t, map[string]string{"a": "1s", "b": "1s", "c": "1s"}), nil)
	after := newGeneration(clusters(t, map[string]string{"a": "1s", "b": "2s", "d": "1s"}), before)
	old, now := before.types[clusterIndex], after.types[clusterIndex]
	if old.get("a") != now.get("a") || old.get("b") == now.get("b") {
		t.Error("not just what changed is new")
	}
	for i := range served {
		if i != clusterIndex && before.types[i] != after.types[i] {
			t.Errorf("%s is new though it did not change", served[i].Label)
		}
	}
	d := now.since(old)
	if names(d.changed) != "b d " || names(d.removed) != "c " {
		t.Errorf("changed %q, removed %q", names(d.changed), names(d.removed))
	}
	if now.since(old) != d {
		t.Error("a difference is found twice")
	}
	all := now.since(nil)
	if names(all.changed) != "a b d " || len(all.removed) != 0 {
		t.Errorf("from nothing: changed %q, removed %q", names(all.changed), names(all.removed))
	}
}

func names(all []*resource) string {
	text := ""
	for _, r := range all {
		text += r.name + " "
	}
	return text
}

// TestEqualContentOfAnotherGroupIsNoChange moves a stream from one group to another.
func TestEqualContentOfAnotherGroupIsNoChange(t *testing.T) {
	one := newGeneration(clusters(t, map[string]string{"a": "1s", "b": "1s"}), nil)
	other := newGeneration(clusters(t, map[string]string{"a": "1s", "b": "2s"}), nil)
	d := other.types[clusterIndex].since(one.types[clusterIndex])
	if names(d.changed) != "b " {
		t.Errorf("changed %q", names(d.changed))
	}
}

// TestPatienceIsNotMissed holds the session to waking up when patience ended while
// it was busy sending.
func TestPatienceIsNotMissed(t *testing.T) {
	s := &session[request]{heldSince: time.Now().Add(-2 * orderPatience)}
	select {
	case <-s.patience():
	case <-time.After(30 * time.Second):
		t.Error("what is held back is held back for ever")
	}
}

// TestOrderOfTypes holds the places in the list to what they are taken for.
func TestOrderOfTypes(t *testing.T) {
	for i, label := range map[int]string{
		secretIndex: "secret", clusterIndex: "cluster", endpointIndex: "endpoint",
		extensionIndex: "extension_config", listenerIndex: "listener", routeIndex: "route",
	} {
		if served[i].Label != label {
			t.Errorf("%s is at the place of %s", served[i].Label, label)
		}
	}
}

func TestABoundedNumberOfNamesCanBeSubscribedAgain(t *testing.T) {
	w := &watch{named: make(map[string]struct{}, maxNames)}
	for i := range maxNames {
		if err := w.name(string(rune(i + 0x10000))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.name("one too many"); err == nil {
		t.Error("one more than the bound is taken")
	}
	if err := w.name(string(rune(0x10000))); err != nil {
		t.Errorf("one that is subscribed already: %v", err)
	}
}

func TestNamesAreBoundedInLength(t *testing.T) {
	w := new(watch)
	long := strings.Repeat("x", maxNameBytes/2)
	for _, name := range []string{"a" + long[1:], "b" + long[1:], "a" + long[1:]} {
		if err := w.name(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.name("c"); err == nil {
		t.Error("a byte more than the bound is taken")
	}
	w = new(watch)
	for _, name := range []string{"a" + long[1:], "b" + long[1:], "c" + long[1:]} {
		if err := w.name(name); err != nil {
			t.Fatalf("after others were given up: %v", err)
		}
		w.unsubscribe(name)
		if err := w.rename([]string{long}); err != nil {
			t.Fatalf("the names of the state of the world: %v", err)
		}
	}
}

func TestWhatIsRememberedOfAClientThatAnswersNothingIsBounded(t *testing.T) {
	for name, row := range map[string]struct{ bytes, kept int }{
		"short":         {10, maxPending},
		"a quarter":     {maxToldBytes / 4, 4},
		"longer by far": {2 * maxToldBytes, 1},
	} {
		w := new(watch)
		for nonce := range uint64(3 * maxPending) {
			w.remember(pending{nonce: nonce, bytes: row.bytes})
		}
		if len(w.pending) != row.kept || w.pending[row.kept-1].nonce != 3*maxPending-1 || w.pending[0].nonce != uint64(3*maxPending-row.kept) {
			t.Errorf("%s: %d are remembered", name, len(w.pending))
		}
	}
}

// TestAResourceIsEncodedOnce looks for the same resources in the states of everybody
// and of a group, before and after a change of each.
func TestAResourceIsEncodedOnce(t *testing.T) {
	var c core
	publish := func(top, own map[string]string) (all, group *typeState) {
		c.publish(map[string]*resources.Snapshot{everyone: clusters(t, top), "x": clusters(t, own)})
		return c.of(everyone).generation.types[clusterIndex], c.of("x").generation.types[clusterIndex]
	}
	same := func(step string, one, other *typeState, names ...string) {
		t.Helper()
		for _, name := range names {
			if r := one.get(name); r == nil || r != other.get(name) {
				t.Errorf("%s: %s is encoded again", step, name)
			}
		}
	}
	all, group := publish(map[string]string{"b": "1s", "d": "1s", "f": "1s"}, map[string]string{"a": "1s", "b": "1s", "d": "1s", "e": "1s", "f": "1s"})
	same("at first", all, group, "b", "d", "f")
	next, nextGroup := publish(map[string]string{"b": "1s", "d": "2s", "f": "1s"}, map[string]string{"a": "2s", "b": "1s", "c": "1s", "d": "2s", "e": "1s", "f": "1s"})
	same("after a change", next, nextGroup, "b", "d", "f")
	same("of what is everybody's", all, next, "b", "f")
	same("of what is the group's", group, nextGroup, "e")
	if next.get("d").version == all.get("d").version || nextGroup.get("a").version == group.get("a").version {
		t.Error("what changed is as before")
	}
}
