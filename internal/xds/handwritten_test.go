package xds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/resources"
)

// agree plays a script that is written by hand against both servers, in both variants:
// the clients have the same in the end, and what there is. What comes in between is
// held to the script by [variants], for ours alone, since a response may be split in
// other ways.
func agree(t *testing.T, all script) {
	t.Helper()
	for _, variant := range []struct {
		name  string
		delta bool
	}{{"state of the world beside go-control-plane", false}, {"delta beside go-control-plane", true}} {
		t.Run(variant.name, func(t *testing.T) {
			acts := all.acts(variant.delta)
			f, r := start(t), startReference(t)
			ours := newStage(t, variant.delta, f)
			ours.perform(acts, make(map[string]*resources.Snapshots))
			for _, wrong := range ours.late(acts) {
				t.Errorf("ours: %s", wrong)
			}
			if name := endless(variant.delta, acts); name != "" {
				t.Logf("theirs is left out: %s", name)
				return
			}
			theirs := newStageOf(t, variant.delta, r.Publish, r.conn)
			theirs.perform(acts, make(map[string]*resources.Snapshots))
			for deadline := time.Now().Add(2 * time.Second); len(theirs.peer.wrong(theirs.content)) > 0; theirs.peer.settle() {
				if time.Now().Before(deadline) {
					continue
				}
				if name := explanation(variant.delta, acts); name != "" {
					t.Logf("theirs differs: %s", name)
					return
				}
				t.Fatalf("theirs, and no difference explains it: %v", theirs.peer.wrong(theirs.content))
			}
		})
	}
}

// acts is a script without what is to come of it: a client takes what comes where the
// script says that something does.
func (all script) acts(delta bool) script {
	variant, other := "sotw ", "delta "
	if delta {
		variant, other = other, variant
	}
	var lines []string
	for line := range strings.Lines(string(all)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, other) {
			continue
		}
		line = strings.TrimPrefix(line, variant)
		words := strings.Fields(line)
		switch {
		case words[0] == "restart":
			lines = append(lines, "reconnect") // there is one server of each kind
		case words[0] != "<":
			lines = append(lines, line)
		case words[len(words)-1] == "refused":
			lines = append(lines, "drain", "refuse "+words[1])
		case words[len(words)-1] == "unanswered":
			lines = append(lines, "drain")
		default:
			lines = append(lines, "drain", "accept "+words[1])
		}
	}
	return script(strings.Join(lines, "\n"))
}

// endless names the difference for which theirs can't be asked.
func endless(delta bool, all script) string {
	for _, d := range accepted {
		if d.delta == delta && d.theirs == "" && d.explains != nil && d.explains(all) {
			return d.name
		}
	}
	return ""
}
