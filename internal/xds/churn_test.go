package xds_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/resources"
)

// visit opens a stream on conn, asks for everything of one type and some names
// of another, takes the answers, and ends the stream.
func visit(t *testing.T, conn *grpc.ClientConn, node *corev3.Node, delta bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ads := discovery.NewAggregatedDiscoveryServiceClient(conn)
	var err error
	if delta {
		err = visitDelta(ctx, ads, node)
	} else {
		err = visitSotW(ctx, ads, node)
	}
	if err != nil {
		t.Errorf("visiting: %v", err)
	}
}

func visitDelta(ctx context.Context, ads discovery.AggregatedDiscoveryServiceClient, node *corev3.Node) error {
	stream, err := ads.DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	for _, req := range []*discovery.DeltaDiscoveryRequest{
		{Node: node, TypeUrl: clusterType},
		{TypeUrl: secretType, ResourceNamesSubscribe: []string{"a-secret", node.GetId()}},
	} {
		if err := stream.Send(req); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
	return nil // without an answer to the last response, and without a word of farewell
}

func visitSotW(ctx context.Context, ads discovery.AggregatedDiscoveryServiceClient, node *corev3.Node) error {
	stream, err := ads.StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	for _, req := range []*discovery.DiscoveryRequest{
		{Node: node, TypeUrl: clusterType},
		{TypeUrl: secretType, ResourceNames: []string{"a-secret", node.GetId()}},
	} {
		if err := stream.Send(req); err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

// madeUp is a node that nobody met before.
func madeUp(i int) *corev3.Node {
	return &corev3.Node{Id: fmt.Sprintf("node-%d-%s", i, strings.Repeat("x", 500)), Cluster: fmt.Sprintf("cluster-%d-%s", i, strings.Repeat("y", 500))}
}

// TestChurnLeavesNothing opens and ends ten thousand streams, each for a node with
// a kilobyte of a name that nobody met before, of two variants, some of them on
// connections of their own, while the content changes. Goroutines and memory are
// back where they were, and nothing of the names stays (go-control-plane issues
// 570 and 913, and its status map).
func TestChurnLeavesNothing(t *testing.T) {
	streams, connects := 10_000, 300
	if testing.Short() {
		streams, connects = 1000, 30
	}
	f := start(t)
	publish := publisher(t, f.Publish)
	for i := range 200 { // so that whatever is made once is made
		visit(t, f.conn, madeUp(i), i%2 == 0)
	}
	f.settled("as at the start", 0)
	goroutines, before := runtime.NumGoroutine(), heap()

	var visitors sync.WaitGroup
	next := make(chan int)
	for range 8 {
		visitors.Go(func() {
			for i := range next {
				if i%(streams/connects) == 0 {
					visitAlone(t, f.conn.Target(), madeUp(i), i%2 == 0)
				} else {
					visit(t, f.conn, madeUp(i), i%2 == 0)
				}
			}
		})
	}
	for i := range streams {
		next <- 1000 + i
		if i%100 == 0 {
			publish()
		}
	}
	close(next)
	visitors.Wait()

	f.settled("as before the churn", 0)
	f.eventually("as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	// The names alone would be ten megabytes.
	if grown := heap() - before; grown > 2*mebibyte {
		t.Errorf("the heap grew by %d KiB", grown/1024)
	}
}

// publisher returns a function that publishes another content each time.
func publisher(t testing.TB, publish func(*resources.Snapshots)) func() {
	t.Helper()
	var all []*resources.Snapshots
	for i := range 5 {
		all = append(all, snapshot(t, strings.ReplaceAll(everyType, "connect_timeout: 1s", fmt.Sprintf("connect_timeout: %ds", 1+i))))
	}
	turn := 0
	return func() { turn++; publish(all[turn%len(all)]) }
}

// settled waits until so many aggregated streams are open.
func (f *fixture) settled(what string, streams float64) {
	f.t.Helper()
	f.eventually(what, func() bool {
		return f.value("contour_xds_streams", "delta", "ads")+f.value("contour_xds_streams", "sotw", "ads") == streams
	})
}

// visitAlone visits on a connection of its own.
func visitAlone(t *testing.T, target string, node *corev3.Node, delta bool) {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	visit(t, conn, node, delta)
}

// TestPublishingOpeningAndClosingAtOnce does all of it at once: nobody waits for
// anybody else (go-control-plane issues 854 and 875).
func TestPublishingOpeningAndClosingAtOnce(t *testing.T) {
	f := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 3 {
		publish := publisher(t, f.Publish)
		all.Go(func() {
			for ctx.Err() == nil {
				publish()
			}
		})
	}
	for i := range 6 {
		all.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				visit(t, f.conn, node, n%2 == 0)
			}
		})
	}
	for i := range 4 { // and some that stay, and read or do not
		p := newPeer(t, f.conn, i%2 == 0)
		p.subscribe("cluster", nil, nil)
		if i > 1 {
			continue
		}
		all.Go(func() {
			for ctx.Err() == nil {
				u := p.next()
				p.answer(u.label, false)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	f.Publish(snapshot(t, strings.ReplaceAll(everyType, "connect_timeout: 1s", "connect_timeout: 77s"))) // for those who wait
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("somebody waits for ever")
	}
	// The server is alive.
	visit(t, f.conn, node, true)
}

// TestAStreamEndsWhenItsClientGoesWithoutAWord closes the connection under streams
// in every state.
func TestAStreamEndsWhenItsClientGoesWithoutAWord(t *testing.T) {
	f := start(t)
	bigSecrets(t, f.Publish)()
	conn, err := grpc.NewClient(f.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		p := newPeer(t, conn, i%2 == 0)
		switch i / 2 {
		case 0: // silent
		case 1:
			p.subscribe("secret", []string{"*"}, nil) // not read
		case 2:
			p.subscribe("secret", []string{"none"}, nil)
			p.next()
		}
	}
	f.settled("all are open", 6)
	_ = conn.Close()
	f.settled("all are ended", 0)
}

// TestStreamsThatEndInMidSentence ends streams while requests of theirs are on their
// way, at whatever moment that happens to be: the server forgets each.
func TestStreamsThatEndInMidSentence(t *testing.T) {
	f := start(t)
	ads := discovery.NewAggregatedDiscoveryServiceClient(f.conn)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 250 {
				ctx, cancel := context.WithCancel(t.Context())
				stream, err := ads.DeltaAggregatedResources(ctx)
				if err != nil {
					t.Error(err)
				}
				for range 20 { // an error is a stream that has ended already
					_ = stream.Send(&discovery.DeltaDiscoveryRequest{Node: madeUp(i), TypeUrl: clusterType, ResourceNamesSubscribe: []string{"*"}})
				}
				time.Sleep(time.Duration(n%10) * 100 * time.Microsecond)
				cancel()
			}
		})
	}
	all.Wait()
	f.settled("all are ended", 0)
}

func TestOtherStatesThanTheProtocolsEndAStreamWithAStatus(t *testing.T) {
	f := start(t)
	stream := open[corev3.Node, discovery.DiscoveryResponse](f, adsSotW) // a message of another type
	if err := stream.Send(&corev3.Node{Id: "\x01", Cluster: "\x02", UserAgentName: strings.Repeat("z", 100)}); err != nil {
		t.Fatal(err)
	}
	if resp, err := stream.Recv(); status.Code(err) == codes.OK || status.Code(err) == codes.Unknown {
		t.Errorf("got %v, %v", resp, err)
	}
}
