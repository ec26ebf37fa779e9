package recycle_test

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/recycle"
)

const (
	calls       = "contour_xds_recycle_calls_total"
	connections = "contour_xds_connections"
	closed      = "contour_xds_connections_closed_total"
)

func TestAnOperatorHasThoseOfTheOldRootComeBackAndNoOther(t *testing.T) {
	s := serve(t)
	onOld := []func() bool{s.envoy(s.old.Issue(t, certtest.Client())), s.envoy(s.old.Issue(t, certtest.Client()))}
	onNew := s.envoy(s.new.Issue(t, certtest.Client()))
	n, err := s.call(s.new.Issue(t, operator(recycle.OperatorURI)), s.old.Cert)
	if err != nil || n != 2 {
		t.Fatalf("closed %d, %v", n, err)
	}
	for _, open := range onOld {
		s.eventually("its stream ends", func() bool { return !open() })
	}
	if !onNew() {
		t.Error("the one on the new root is closed too")
	}
	if got := s.value(connections, credentials.RootFingerprint(s.old.Cert)); got != 0 {
		t.Errorf("%v stand on the old root", got)
	}
	if got := s.value(closed, string(handshake.Recycled)); got != 2 {
		t.Errorf("%v are counted as recycled", got)
	}
	if got := s.value(calls, "done"); got != 1 {
		t.Errorf("%v calls are counted as done", got)
	}
}

// TestTheAnswerComesThoughTheCallerStandsOnTheRootToo asks for the root of the operator's
// own certificate.
func TestTheAnswerComesThoughTheCallerStandsOnTheRootToo(t *testing.T) {
	s := serve(t)
	onNew := s.envoy(s.new.Issue(t, certtest.Client()))
	n, err := s.call(s.new.Issue(t, operator(recycle.OperatorURI)), s.new.Cert)
	if err != nil || n != 1 {
		t.Errorf("closed %d, %v", n, err)
	}
	s.eventually("its stream ends", func() bool { return !onNew() })
}

func TestNobodyButAnOperatorIsListenedTo(t *testing.T) {
	for _, row := range []struct {
		name string
		leaf certtest.Leaf
	}{
		{"an Envoy", certtest.Client()},
		{"an Envoy with a SPIFFE ID", operator("spiffe://contour/operator")},
		{"one whose name only begins like an operator's", operator(recycle.OperatorURI + "s")},
		{"one whose name is an operator's and more", operator(recycle.OperatorURI + "?x")},
		{"an operator with a further URI", operator(recycle.OperatorURI, "spiffe://example.org/envoy")},
		{"one with the name in its common name", certtest.Leaf{CommonName: recycle.OperatorURI, Usages: certtest.Client().Usages}},
		{"one with the name as a DNS name", certtest.Leaf{DNSNames: []string{recycle.OperatorURI}, Usages: certtest.Client().Usages}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t)
			open := s.envoy(s.old.Issue(t, certtest.Client()))
			pair := s.new.Issue(t, row.leaf)
			for range 2 {
				_, err := s.call(pair, s.old.Cert)
				if err == nil || !strings.Contains(err.Error(), "is not an operator's") {
					t.Errorf("got %v", err)
				}
			}
			if !open() {
				t.Error("a connection was closed nevertheless")
			}
			if got := s.value(calls, "denied"); got != 2 {
				t.Errorf("%v calls are counted as denied", got)
			}
			if got := strings.Count(s.log.String(), `level=WARN msg="denied a call that only an operator may make"`); got != 1 {
				t.Errorf("%d lines of two calls: %s", got, s.log)
			}
		})
	}
}

func TestAnOperatorOfAnotherCAIsNotLetIn(t *testing.T) {
	s := serve(t)
	_, err := s.call(certtest.NewCA(t, "new").Issue(t, operator(recycle.OperatorURI)), s.old.Cert)
	if err == nil || !strings.Contains(err.Error(), "it must be the xDS port of a contour that serves mutual TLS") {
		t.Errorf("got %v", err)
	}
	if got := s.value(calls, "denied"); got != 0 {
		t.Errorf("%v calls came through the handshake", got)
	}
}

func TestARootThatIsNotInForceIsNamedWithThoseThatAre(t *testing.T) {
	s := serve(t)
	_, err := s.call(s.new.Issue(t, operator(recycle.OperatorURI)), certtest.NewCA(t, "another").Cert)
	for _, ca := range []*certtest.CA{s.old, s.new} {
		if err == nil || !strings.Contains(err.Error(), credentials.RootFingerprint(ca.Cert)) {
			t.Errorf("got %v", err)
		}
	}
	if got := s.value(calls, "unknown_root"); got != 1 {
		t.Errorf("%v calls are counted", got)
	}
}

func TestAServerWithAnotherNameIsAskedNothing(t *testing.T) {
	s := serve(t)
	_, err := recycle.Call{
		Address: s.addr, TLS: as(s.new.Issue(t, operator(recycle.OperatorURI)), s.new, "another"),
		Root: credentials.RootFingerprint(s.old.Cert),
	}.Do(t.Context())
	if err == nil || !strings.Contains(err.Error(), `have a certificate for "another"`) {
		t.Errorf("got %v", err)
	}
}

// TestAServerWithoutTheServiceIsToldFromOneThatDenies is one of before the service was.
func TestAServerWithoutTheServiceIsToldFromOneThatDenies(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	pair := ca.Issue(t, certtest.Server())
	material := fixed{credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now())}
	addr := run(t, handshake.New(handshake.Config{TLS: credentials.ServerTLS(material), Provider: material}), nil)
	_, err := recycle.Call{
		Address: addr, TLS: as(ca.Issue(t, operator(recycle.OperatorURI)), ca, certtest.ServerName), Root: "00",
	}.Do(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it is no contour, or an older one") {
		t.Errorf("got %v", err)
	}
}

// TestInPlaintextEveryCallIsDenied registers the service where contour does not.
func TestInPlaintextEveryCallIsDenied(t *testing.T) {
	door := handshake.New(handshake.Config{})
	addr := run(t, door, recycle.NewService(recycle.Config{Connections: door}).Register)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Invoke(t.Context(), "/contour.channel.v1.Connections/Recycle", wrapperspb.String("00"), new(wrapperspb.UInt64Value))
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
}

// TestACallerThatGoesAwayEndsItsCall has more connections than are closed meanwhile.
func TestACallerThatGoesAwayEndsItsCall(t *testing.T) {
	s := serve(t)
	pair := s.old.Issue(t, certtest.Client())
	var envoys []func() bool
	for range 60 {
		envoys = append(envoys, s.envoy(pair))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		for ctx.Err() == nil && !strings.Contains(s.log.String(), "reason=recycled") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := recycle.Call{
		Address: s.addr, TLS: as(s.new.Issue(t, operator(recycle.OperatorURI)), s.new, certtest.ServerName),
		Root: credentials.RootFingerprint(s.old.Cert),
	}.Do(ctx)
	cancel()
	<-begun
	if err == nil || !strings.Contains(err.Error(), "it can be asked again") {
		t.Errorf("got %v", err)
	}
	s.eventually("it is counted", func() bool { return s.value(calls, "interrupted") == 1 })
	if got := s.value(connections, credentials.RootFingerprint(s.old.Cert)); got == 0 || got == float64(len(envoys)) {
		t.Errorf("%v of %d stand on the old root", got, len(envoys))
	}
}
