package handshake

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// socket returns both ends of a TCP connection, this server's as the door's.
func socket(t *testing.T, r *register) (ours *conn, theirs net.Conn) {
	t.Helper()
	raw, theirs := sockets(t)
	return newConn(raw, r, newTurns(1)), theirs
}

// sockets returns both ends of a TCP connection.
func sockets(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return ours, theirs
}

func TestOneWhoseBytesAreThereIsNotShed(t *testing.T) {
	r := newRegister(Limits{}.withDefaults())
	c, peer := socket(t, r)
	if err := r.enter(c); err != nil {
		t.Fatal(err)
	}
	r.wait(c, time.Now().Add(-time.Minute))
	if _, err := peer.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !unread(c.Conn); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the byte never comes")
		}
	}
	if r.makeRoom() {
		t.Error("it was shed though its peer has done its part")
	}
	if _, err := c.Conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.wait(c, time.Now().Add(-time.Minute))
	if !r.makeRoom() {
		t.Error("it was not shed though its peer says nothing")
	}
}

func TestNobodyIsShedBeforePatienceIsOver(t *testing.T) {
	r := newRegister(Limits{}.withDefaults())
	c, _ := socket(t, r)
	if err := r.enter(c); err != nil {
		t.Fatal(err)
	}
	r.wait(c, time.Now())
	if r.makeRoom() {
		t.Error("it was shed at once")
	}
}

func TestTheLastPlaceGoesToOne(t *testing.T) {
	r := newRegister(Limits{Connections: 1}.withDefaults())
	first, _ := socket(t, r)
	second, _ := socket(t, r)
	if err := errors.Join(r.enter(first), r.enter(second), r.admit(first, standing{})); err != nil {
		t.Fatal(err)
	}
	if err := r.admit(second, standing{}); !errors.Is(err, errConnections) {
		t.Errorf("both got in: %v", err)
	}
	r.depart(second)
	r.depart(first)
	if now := r.occupancy(); now != (occupancy{}) {
		t.Errorf("left behind: %+v", now)
	}
}

func TestASourceIsForgottenWithItsLastConnection(t *testing.T) {
	r := newRegister(Limits{PendingPerSource: 2}.withDefaults())
	for range 3 {
		c, _ := socket(t, r)
		if err := r.enter(c); err != nil {
			t.Fatal(err)
		}
		r.depart(c)
	}
	if len(r.sources) != 0 {
		t.Errorf("%d sources are remembered", len(r.sources))
	}
}

func TestASourceIsANetworkOfOneOwner(t *testing.T) {
	rows := []struct{ name, address, want string }{
		{"an IPv4 address", "192.0.2.7:1", "192.0.2.7/32"},
		{"an IPv4 address in IPv6", "[::ffff:192.0.2.7]:1", "192.0.2.7/32"},
		{"an IPv6 address", "[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64"},
		{"one with a zone", "[fe80::1%eth0]:1", "fe80::/64"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := source(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(row.address)))
			if got.String() != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	if source(&net.UnixAddr{}).IsValid() {
		t.Error("a socket without an address has a source")
	}
}

func TestAnAlertIsSeenBehindWhatMayComeBeforeIt(t *testing.T) {
	for _, flight := range [][]byte{
		{21, 3, 3, 0, 2, 2, 48},
		{20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 48},
		{20, 3, 3, 0, 1, 1, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 48},
		{22, 3, 1, 0, 3, 21, 3, 3, 21, 3, 3, 0, 2, 2, 48},
	} {
		for cut := range flight { // the network may
			var s seen
			var r recordReader
			s.record(&r, flight[:cut])
			s.record(&r, flight[cut:])
			if s.alert != 48 {
				t.Errorf("%x and %x: saw alert %d", flight[:cut], flight[cut:], s.alert)
			}
		}
	}
}

func TestWhatIsInARecordIsNoAlert(t *testing.T) {
	var s seen
	var r recordReader
	s.record(&r, []byte{22, 3, 3, 0, 7})
	s.record(&r, []byte{21, 3, 3, 0, 2, 2, 48})
	if s.alert != 0 {
		t.Errorf("saw alert %d", s.alert)
	}
}

func TestTheTimeThatOneWaitsForUsIsNotItsPeers(t *testing.T) {
	r := newRegister(Limits{}.withDefaults())
	c, _ := socket(t, r)
	c.accepted = time.Now().Add(-time.Minute)
	if err := r.enter(c); err != nil {
		t.Fatal(err)
	}
	for _, flight := range []time.Duration{0, 30 * time.Second} { // between the two, this server computes
		r.wait(c, c.accepted.Add(flight))
		if err := r.resume(c, c.accepted.Add(flight+time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	r.wait(c, time.Now())
	if r.makeRoom() {
		t.Error("it was shed, and its peer had but two milliseconds")
	}
}
