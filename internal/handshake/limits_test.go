package handshake_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
)

// pending waits until so many connections wait for their peer.
func (s *server) pending(n float64) {
	s.t.Helper()
	s.eventually("so many wait for their peer", func() bool {
		return s.values("contour_xds_tls_handshakes_pending")["peer"] == n
	})
}

// stall opens a connection that says no more than data, and waits until the server
// waits for the rest.
func (s *server) stall(data []byte, others float64) net.Conn {
	s.t.Helper()
	conn := s.connect()
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write(data); err != nil {
		s.t.Fatal(err)
	}
	s.pending(others + 1)
	return conn
}

// hungUp waits until the server closes a connection.
func hungUp(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) {
		t.Error("the connection is still open")
	}
}

// open tells that the server has not closed a connection.
func open(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the connection is closed: %v", err)
	}
}

// serves proves that an honest client gets in, and leaves its connection open
// until the test ends.
func (s *server) serves() {
	s.t.Helper()
	if err := s.check(); err != nil {
		s.t.Errorf("an honest client: %v", err)
	}
}

func (s *server) check() error {
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(s.client())))
	if err != nil {
		return err
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

func TestTheOneThatHasWaitedLongestMakesRoom(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{Pending: 2}))
	first := s.stall(nil, 0)
	second := s.stall(helloRecord, 1)
	third := s.connect()
	defer third.Close()
	hungUp(t, first)
	s.refusedOnceFor(handshake.Shed)
	open(t, second)
	open(t, third)
}

func TestWhoSendsAByteNowAndThenHasWaitedAllTheSame(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{Pending: 2}))
	trickling := s.stall(helloRecord[:1], 0)
	silent := s.stall(nil, 1)
	for _, b := range helloRecord[1:4] {
		if _, err := trickling.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	newcomer := s.connect()
	defer newcomer.Close()
	hungUp(t, trickling)
	open(t, silent)
	s.refusedOnceFor(handshake.Shed)
}

func TestHonestClientsGetInThroughACrowdOfStalledOnes(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{Pending: 8}))
	for i := range 8 {
		s.stall(helloRecord, float64(i))
	}
	for range 4 {
		s.serves()
	}
	if n := s.values("contour_xds_tls_handshake_failures_total")[string(handshake.Shed)]; n < 1 {
		t.Errorf("%v were shed, of a full house", n)
	}
}

func TestTheLimitOfASourceShedsOfThatSourceAlone(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{PendingPerSource: 1}))
	elsewhere, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	s.pending(1)
	first := s.stall(nil, 1)
	early := s.connect()
	defer early.Close()
	hungUp(t, early) // since the first one may yet speak
	time.Sleep(handshake.Patience)
	late := s.connect()
	defer late.Close()
	hungUp(t, first)
	open(t, elsewhere)
	open(t, late)
	if n := s.values("contour_xds_tls_handshake_failures_total")[string(handshake.SourceLimit)]; n != 2 {
		t.Errorf("%v were refused for their source", n)
	}
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{Connections: 1}))
	s.serves()
	conn := s.connect()
	defer conn.Close()
	hungUp(t, conn)
	s.eventually("it is counted", func() bool {
		return s.values("contour_xds_tls_handshake_failures_total")[string(handshake.ConnectionLimit)] == 1
	})
	if n := s.values("contour_xds_connections")[""]; n != 1 {
		t.Errorf("%v connections", n)
	}
}

func TestPlaintextConnectionsAreLimitedToo(t *testing.T) {
	s := newServer(t, limited(handshake.Limits{Connections: 1}), func(cfg *handshake.Config) { cfg.TLS = nil })
	first := s.connect()
	defer first.Close()
	s.eventually("the first one is in", func() bool { return s.values("contour_xds_connections")[""] == 1 })
	second := s.connect()
	defer second.Close()
	hungUp(t, second)
	if n := s.values("contour_xds_tls_handshake_failures_total")[string(handshake.ConnectionLimit)]; n != 1 {
		t.Errorf("counted %v times", n)
	}
}

// gate is a private key whose use a test can hold up, as one that takes long to
// compute with.
type gate struct {
	crypto.Signer
	busy, most atomic.Int64
	opened     chan struct{}
}

func (g *gate) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if busy := g.busy.Add(1); busy > g.most.Load() {
		g.most.Store(busy)
	}
	defer g.busy.Add(-1)
	<-g.opened
	return g.Signer.Sign(r, digest, opts)
}

// newGated starts a server whose handshakes compute until the gate is opened.
func newGated(t *testing.T, limits handshake.Limits) (*server, *gate) {
	t.Helper()
	ca := certtest.NewCA(t, "root")
	pair := ca.Issue(t, certtest.Server())
	g := &gate{Signer: pair.Key, opened: make(chan struct{})}
	s := serve(t, ca, provider{material: credentials.NewMaterial(pair.Chain, g, []*x509.Certificate{ca.Cert}, time.Now())}, limited(limits))
	t.Cleanup(sync.OnceFunc(func() {
		select {
		case <-g.opened:
		default:
			close(g.opened)
		}
	}))
	return s, g
}

func TestSoManyHandshakesComputeAtOnceAndTheOthersWaitTheirTurn(t *testing.T) {
	const clients = 6
	s, g := newGated(t, handshake.Limits{CPUs: 2})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { dialAndClose(s) })
	}
	s.eventually("two compute and four wait for them", func() bool {
		now := s.values("contour_xds_tls_handshakes_pending")
		return now["cpu"] == 2 && now["queue"] == clients-2 && now["peer"] == 0 && g.busy.Load() == 2
	})
	close(g.opened)
	all.Wait()
	s.eventually("all are through", func() bool { return s.values("contour_xds_tls_handshakes_total")["success"] == clients })
	if most := g.most.Load(); most != 2 {
		t.Errorf("%d computed at once", most)
	}
}

func dialAndClose(s *server) {
	conn, err := tls.Dial("tcp", s.addr, s.client())
	if err != nil {
		s.t.Error(err)
		return
	}
	_, _ = conn.Read(make([]byte, 1)) // the server is done
	_ = conn.Close()
}

func TestOneThatWaitsForOurCPUIsNeverShed(t *testing.T) {
	s, g := newGated(t, handshake.Limits{CPUs: 1, Pending: 2})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { dialAndClose(s) })
	}
	s.eventually("one computes, one waits for it", func() bool {
		now := s.values("contour_xds_tls_handshakes_pending")
		return now["cpu"] == 1 && now["queue"] == 1
	})
	third := s.connect() // stays in the kernel's queue
	defer third.Close()
	open(t, third)
	close(g.opened)
	both.Wait()
	s.pending(1)
	if n := s.values("contour_xds_tls_handshake_failures_total")[string(handshake.Shed)]; n != 0 {
		t.Errorf("%v were shed", n)
	}
}

func TestAHandshakeWhoseTurnDoesNotComeIsOurFault(t *testing.T) {
	s, g := newGated(t, handshake.Limits{CPUs: 1})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { s.dial(s.client()) })
	}
	s.eventually("the one that waits is refused", func() bool {
		return s.values("contour_xds_tls_handshake_failures_total")[string(handshake.Overload)] == 1
	})
	close(g.opened)
	both.Wait()
}

func TestADrainEndsWhatIsInItsHandshake(t *testing.T) {
	s, g := newGated(t, handshake.Limits{CPUs: 1})
	stalled := s.stall(nil, 0)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { s.dial(s.client()) })
	}
	s.eventually("one of each kind", func() bool {
		now := s.values("contour_xds_tls_handshakes_pending")
		return now["peer"] == 1 && now["cpu"] == 1 && now["queue"] == 1
	})
	_ = s.listener.Close()
	hungUp(t, stalled)
	close(g.opened)
	both.Wait()
	s.eventually("all three are counted", func() bool {
		return s.values("contour_xds_tls_handshake_failures_total")[string(handshake.Shutdown)] == 3
	})
	if log := s.log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("a drain alarms: %s", log)
	}
}

func TestAClosedListenerAcceptsNobodyThoughItWaitedForRoom(t *testing.T) {
	s, g := newGated(t, handshake.Limits{CPUs: 1, Pending: 1})
	var first sync.WaitGroup
	first.Go(func() { s.dial(s.client()) })
	s.eventually("one computes", func() bool { return s.values("contour_xds_tls_handshakes_pending")["cpu"] == 1 })
	second := s.connect()
	defer second.Close()
	time.Sleep(50 * time.Millisecond) // for Accept to wait for room; a test that is too early passes as well
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	hungUp(t, second)
	close(g.opened)
	first.Wait()
}

func TestAPeerThatFloodsItsHandshakeIsCutOff(t *testing.T) {
	rows := []struct {
		name  string
		flood []byte
	}{
		{"with a ClientHello that does not end", append([]byte{0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xfc}, make([]byte, 0x3ffc)...)},
		{"with a ClientHello that is too long and not there yet", append([]byte{0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc}, make([]byte, 9<<10)...)},
		{"with records behind its hello", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			flood := row.flood
			if flood == nil {
				flood = append(hello(s), bytes.Repeat(append([]byte{23, 3, 3, 0x3f, 0}, make([]byte, 0x3f00)...), 2)...)
			}
			conn := s.connect()
			defer conn.Close()
			_, _ = conn.Write(flood)
			hungUp(t, conn)
			s.refusedOnceFor(handshake.MalformedRecord)
		})
	}
}

func TestAChainThatIsLongerThanAnyIsNotVerified(t *testing.T) {
	s := newServer(t)
	s.dial(s.clientOf(s.ca.Issue(t, leaf(func(l *certtest.Leaf) {
		for i := range 1000 {
			l.DNSNames = append(l.DNSNames, fmt.Sprintf("name-%d.example", i))
		}
	}))))
	s.refusedOnceFor(handshake.MalformedRecord)
}

func TestARefusedPeerThatStaysDoesNotKeepItsPlace(t *testing.T) {
	s := newServer(t)
	conn := s.connect()
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is refused, and gone", func() bool {
		now := s.values("contour_xds_tls_handshakes_pending")
		return s.values("contour_xds_tls_handshakes_total")["failure"] == 1 && now["peer"]+now["queue"]+now["cpu"] == 0
	})
}

// exhausted is a listener that is out of descriptors now and then.
type exhausted struct {
	net.Listener
	failures atomic.Int64
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return e.Listener.Accept()
}

func TestWhenDescriptorsAreExhaustedAStalledOneMakesRoom(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	short := &exhausted{Listener: inner}
	listener := handshake.New(handshake.Config{}).Listener(short)
	defer listener.Close()
	stalled, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		_, _ = accepted.Read(make([]byte, 1))
	}()
	time.Sleep(2 * handshake.Patience)
	short.failures.Store(1)
	next, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := listener.Accept(); err != nil {
		t.Errorf("the next one is not accepted: %v", err)
	}
	hungUp(t, stalled)
	<-waiting
}
