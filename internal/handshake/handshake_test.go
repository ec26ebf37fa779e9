package handshake_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

func TestASuccessIsCountedAndItsConnectionFollowed(t *testing.T) {
	s := newServer(t)
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(grpccredentials.NewTLS(s.client())))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := s.values("contour_xds_tls_handshakes_total"); got["success"] != 1 || got["failure"] != 0 {
		t.Errorf("handshakes: %v", got)
	}
	if n := s.values("contour_xds_connections")[""]; n != 1 {
		t.Errorf("%v connections", n)
	}
	_ = conn.Close()
	s.eventually("no connection", func() bool { return s.values("contour_xds_connections")[""] == 0 })
}

func TestAConnectionThatIsClosedAfterItsHandshakeIsNotCountedOn(t *testing.T) {
	s := newServer(t)
	conn, err := tls.Dial("tcp", s.addr, s.client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("no HTTP/2 preface at all")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the server hangs up
	_ = conn.Close()
	s.eventually("the handshake is counted", func() bool { return s.values("contour_xds_tls_handshakes_total")["success"] == 1 })
	s.eventually("no connection", func() bool { return s.values("contour_xds_connections")[""] == 0 })
}

func TestClosingTheListenerEndsWhatIsStillInItsHandshake(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := handshake.New(handshake.Config{}).Listener(inner)
	stranger, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := accepted.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the handshake goes on: %v", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener accepts: %v", err)
	}
}

// TestARefusedPeerReadsWhy has a peer that goes on sending before it reads, as one
// does that believes itself through. If the server just closed its socket, the
// peer would find it broken, and look no further.
func TestARefusedPeerReadsWhy(t *testing.T) {
	s := newServer(t)
	stranger := s.clientOf(certtest.NewCA(t, "other").Issue(t, certtest.Client()))
	for range 30 {
		conn, err := tls.Dial("tcp", s.addr, stranger)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := conn.Write(make([]byte, 4<<10)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Microsecond)
		}
		_, err = io.Copy(io.Discard, conn)
		if err == nil || !strings.Contains(err.Error(), "unknown certificate authority") {
			t.Fatalf("the peer was told %v", err)
		}
		_ = conn.Close()
	}
	s.eventually("nobody lingers", func() bool { return s.values("contour_xds_tls_handshakes_pending")["peer"] == 0 })
}

func TestNoSessionIsEverResumed(t *testing.T) {
	s := newServer(t)
	config := s.client()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for range 3 {
		conn, err := tls.Dial("tcp", s.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1) // the server's settings, and with them any ticket
		if _, err := conn.Read(buf); err != nil {
			t.Fatal(err)
		}
		if conn.ConnectionState().DidResume {
			t.Error("a session was resumed")
		}
		_ = conn.Close()
	}
}

func TestAllSeriesArePresentFromTheStart(t *testing.T) {
	s := newServer(t)
	got := s.values("contour_xds_tls_handshake_failures_total")
	for _, reason := range handshake.Reasons() {
		if n, ok := got[string(reason)]; !ok || n != 0 {
			t.Errorf("%s: %v, present: %v", reason, n, ok)
		}
	}
	if len(got) != len(handshake.Reasons()) {
		t.Errorf("series %v; want one for each of %v", got, handshake.Reasons())
	}
}

func TestErrorsReachGRPCAsTheyAre(t *testing.T) {
	door := handshake.New(handshake.Config{TLS: &tls.Config{}})
	client, remote := net.Pipe()
	_ = client.Close()
	_, _, err := door.ServerHandshake(remote)
	if err != io.EOF { //nolint:errorlint // this very comparison is what gRPC does
		t.Errorf("got %v, want io.EOF itself", err)
	}
	if got := fmt.Sprint(door.Clone().Info().SecurityProtocol); got != "tls" {
		t.Errorf("a clone speaks %s", got)
	}
}
