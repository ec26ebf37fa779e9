package xds_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/contour-xds/contour/internal/resources"
)

// A script is a conversation, one act a line:
//
//	publish cluster/a@1 route/r>a@2   this is what there is from now on
//	> cluster +a -b                   the client subscribes to a and unsubscribes from b;
//	                                  with no name at all in the first request it means everything
//	< cluster a@1 -b                  it is sent a at revision 1, and that b is gone
//	< cluster a@1 refused             and does not take it; or: unanswered, for now
//	sotw < cluster a@1                this line is for one variant alone
//	accept cluster, refuse cluster    it answers what it left unanswered, the oldest first
//	reconnect                         with what it has; or: restart, to another process
//
// Before each act, and at the end, it is made sure that nothing comes that is not
// written here.
type script string

// A stage is where a script is played: one server, or two with the same content.
type stage struct {
	t       testing.TB
	publish []func(*resources.Snapshots)
	conns   []*grpc.ClientConn
	peer    *peer
	content content
}

func newStage(t testing.TB, delta bool, fixtures ...*fixture) *stage {
	t.Helper()
	s := newStageOf(t, delta, fixtures[0].Publish, fixtures[0].conn)
	for _, f := range fixtures[1:] {
		s.publish = append(s.publish, f.Publish)
		s.conns = append(s.conns, f.conn)
		f.Publish(s.content.snapshot(t))
	}
	return s
}

// newStageOf is a stage of one server, whichever it is.
func newStageOf(t testing.TB, delta bool, publish func(*resources.Snapshots), conn *grpc.ClientConn) *stage {
	t.Helper()
	s := &stage{t: t, publish: []func(*resources.Snapshots){publish}, conns: []*grpc.ClientConn{conn}}
	s.setContent(content{})
	s.peer = newPeer(t, conn, delta)
	return s
}

func (s *stage) setContent(c content) {
	s.t.Helper()
	s.content = c
	snapshot := c.snapshot(s.t)
	for _, publish := range s.publish {
		publish(snapshot)
	}
}

// play plays the lines that are for the peer's variant.
func (s *stage) play(all script) {
	s.t.Helper()
	variant, other := "sotw ", "delta "
	if s.peer.delta {
		variant, other = other, variant
	}
	for line := range strings.Lines(string(all)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, other) {
			continue
		}
		words := strings.Fields(strings.TrimPrefix(line, variant))
		if words[0] == "<" {
			s.expect(words[1:])
			continue
		}
		s.silent(line)
		s.act(words)
	}
	s.silent("the end")
}

func (s *stage) act(words []string) {
	s.t.Helper()
	switch words[0] {
	case "publish":
		s.setContent(contentOf(words[1:]))
	case ">":
		var add, drop []string
		for _, name := range words[2:] {
			if strings.HasPrefix(name, "+") {
				add = append(add, name[1:])
			} else {
				drop = append(drop, name[1:])
			}
		}
		s.peer.subscribe(words[1], add, drop)
	case "accept", "refuse":
		s.peer.answer(words[1], words[0] == "refuse")
	case "restart":
		slices.Reverse(s.conns)
		s.peer.conn = s.conns[0]
		s.peer.connect()
	case "reconnect":
		s.peer.connect()
	default:
		s.t.Fatalf("no such act: %v", words)
	}
}

// expect holds the next response to what is written.
func (s *stage) expect(words []string) {
	s.t.Helper()
	last := words[len(words)-1]
	if last == "refused" || last == "unanswered" {
		words = words[:len(words)-1]
	}
	u := s.peer.next()
	if got, want := u.String(), strings.Join(words, " "); got != want {
		s.t.Fatalf("got %q, want %q", got, want)
	}
	if last != "unanswered" {
		s.peer.answer(u.label, last == "refused")
	}
}

// silent makes sure that there is nothing to say.
func (s *stage) silent(before string) {
	s.t.Helper()
	s.peer.probe()
	for _, u := range s.peer.backlog {
		s.t.Fatalf("unasked, before %q: %q", before, u)
	}
}

// variants plays a script against two servers in both variants of the protocol.
func variants(t *testing.T, all script) {
	t.Helper()
	for _, variant := range []struct {
		name  string
		delta bool
	}{{"state of the world", false}, {"delta", true}} {
		t.Run(variant.name, func(t *testing.T) {
			newStage(t, variant.delta, start(t), start(t)).play(all)
		})
	}
	agree(t, all)
}
