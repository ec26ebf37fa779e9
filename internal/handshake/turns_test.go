package handshake

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// inLine waits until so many handshakes wait for a turn.
func inLine(t *testing.T, turns *turns, want int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		turns.mu.Lock()
		n := turns.begun.Len() + turns.fresh.Len()
		turns.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d wait for a turn, want %d", n, want)
		}
	}
}

// TestTurnsComeInOrderAndToThoseThatBegan has handshakes wait in one order and get
// their turns in another.
func TestTurnsComeInOrderAndToThoseThatBegan(t *testing.T) {
	turns := newTurns(1)
	if !turns.try() {
		t.Fatal("a free turn is not given")
	}
	got := make(chan string)
	for i, c := range []struct {
		name  string
		begun bool
	}{{"fresh 1", false}, {"begun 1", true}, {"fresh 2", false}, {"begun 2", true}} {
		go func() {
			if err := turns.wait(t.Context(), c.begun); err != nil {
				got <- err.Error()
				return
			}
			got <- c.name
		}()
		inLine(t, turns, i+1)
	}
	for _, want := range []string{"begun 1", "begun 2", "fresh 1", "fresh 2"} {
		turns.release()
		if name := <-got; name != want {
			t.Errorf("the turn goes to %s, want %s", name, want)
		}
	}
	turns.release()
	if !turns.try() {
		t.Error("the last turn is not given back")
	}
}

func TestATurnThatIsNotWaitedForIsNotLost(t *testing.T) {
	turns := newTurns(1)
	turns.try()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- turns.wait(ctx, false) }()
	inLine(t, turns, 1)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	turns.release()
	if !turns.try() {
		t.Error("it went to who waits no more")
	}
}

// TestAConnectionThatIsShedLeavesTheLine has one wait for a turn when it is closed.
func TestAConnectionThatIsShedLeavesTheLine(t *testing.T) {
	r := newRegister(Limits{}.withDefaults())
	raw, _ := sockets(t)
	c := newConn(raw, r, newTurns(0))
	if err := r.enter(c); err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	go func() { left <- c.takeTurn() }()
	inLine(t, c.turns, 1)
	r.close()
	select {
	case err := <-left:
		if !errors.Is(err, errShutdown) {
			t.Errorf("it is told %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits on for a turn")
	}
}

// TestNoTurnIsSpentOnWhoIsGone has a peer hang up before its first word is looked at.
func TestNoTurnIsSpentOnWhoIsGone(t *testing.T) {
	r := newRegister(Limits{}.withDefaults())
	for _, answered := range []bool{false, true} {
		raw, peer := sockets(t)
		c := newConn(raw, r, newTurns(0))
		c.sent = answered
		if err := r.enter(c); err != nil {
			t.Fatal(err)
		}
		took := make(chan error, 1)
		go func() { took <- c.takeTurn() }()
		inLine(t, c.turns, 1)
		must(t, peer.Close())
		waitGone(t, c.Conn)
		c.turns.release()
		if err := <-took; (err != nil) == answered {
			t.Errorf("answered %v: %v", answered, err)
		}
		if free := c.turns.free; (free == 1) == answered {
			t.Errorf("answered %v: %d turns are free", answered, free)
		}
		r.depart(c)
	}
}

// waitGone waits until the peer is known to have hung up.
func waitGone(t *testing.T, conn net.Conn) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !hungUp(conn); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("its end is never known")
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
