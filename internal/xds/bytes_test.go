package xds_test

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

// A meter counts the bytes of the responses that come over a connection, as they are
// on the wire below TLS, but for those to a probe.
type meter struct{ bytes atomic.Int64 }

func (*meter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*meter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*meter) HandleConn(context.Context, stats.ConnStats)                       {}
func (m *meter) HandleRPC(_ context.Context, s stats.RPCStats) {
	in, ok := s.(*stats.InPayload)
	if !ok {
		return
	}
	if resp, ok := in.Payload.(interface{ GetTypeUrl() string }); ok && labelOf(resp.GetTypeUrl()) != probeLabel {
		m.bytes.Add(int64(in.WireLength))
	}
}

// TestBytesOnTheWireAfterARestart has clients with a thousand clusters and a hundred
// listeners come to another process. One that lacks nothing is sent not a byte of
// them; one that lacks one cluster is sent about as much as that has in delta, and
// everything in the state of the world.
func TestBytesOnTheWireAfterARestart(t *testing.T) {
	t.Parallel()
	const clusters, listeners, one = 1000, 100, 100 // that no cluster has as many bytes
	have := make(content)
	for i := range clusters {
		have[fmt.Sprintf("cluster/c%d", i)] = 1
	}
	for i := range listeners {
		have[fmt.Sprintf("listener/l%d", i)] = 1
	}
	for _, delta := range []bool{false, true} {
		t.Run(fmt.Sprintf("delta is %v", delta), func(t *testing.T) {
			t.Parallel()
			first, same, other := start(t), start(t), start(t)
			changed := maps.Clone(have)
			changed["cluster/c7"] = 2
			first.Publish(have.snapshot(t))
			same.Publish(have.snapshot(t))
			other.Publish(changed.snapshot(t))
			p := newPeer(t, first.conn, delta)
			wholes := []string{"cluster", "listener"}
			all := p.metered(first, wholes)
			if all < clusters*20 {
				t.Errorf("all takes %d bytes", all)
			}
			if n := p.metered(first, wholes); n != 0 {
				t.Errorf("in the same process, one that lacks nothing is sent %d bytes", n)
			}
			if n := p.metered(same, wholes); n != 0 {
				t.Errorf("in another process, one that lacks nothing is sent %d bytes", n)
			}
			n := p.metered(other, wholes)
			switch {
			case delta && (n == 0 || n > 3*one):
				t.Errorf("one that lacks one cluster is sent %d bytes", n)
			case !delta && (n < clusters*20 || n > all):
				t.Errorf("one that lacks one cluster is sent %d bytes, of %d", n, all)
			}
			for _, wrong := range p.wrong(changed) {
				t.Error(wrong)
			}
			t.Logf("all are %d bytes, and what is lacking %d", all, n)
		})
	}
}

// metered has the peer come to a server with what it has, subscribe to everything of
// some types and take what comes, and returns how many bytes that is.
func (p *peer) metered(f *fixture, labels []string) int64 {
	p.t.Helper()
	m := &meter{}
	conn, err := grpc.NewClient(f.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(m))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	p.conn = conn
	p.connect()
	for _, label := range labels {
		p.subscribe(label, nil, nil)
	}
	p.settle()
	return m.bytes.Load()
}
