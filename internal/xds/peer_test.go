package xds_test

import (
	"context"
	"maps"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// A peer plays an Envoy on an aggregated stream, of either variant: it subscribes,
// takes over what it is sent the way an Envoy does, and answers it, or does not.
// It is used by one goroutine.
type peer struct {
	t     testing.TB
	conn  *grpc.ClientConn
	delta bool
	node  *corev3.Node

	updates chan update // of the stream; closed when it ended with err
	send    func(*intent) error
	end     context.CancelFunc
	err     error
	named   bool // whether the node was told

	types map[string]*subscription // by label
	// backlog are updates that came while a probe was waited for.
	backlog []update
}

// A subscription is what a peer wants and has of one type.
type subscription struct {
	started bool
	implied bool // the wildcard came of naming nothing
	names   map[string]bool
	view    map[string]item
	// refused are names whose last update was refused, so that what the peer has may
	// be an older one.
	refused map[string]bool
	// version and nonce are those of the last response that was accepted, and that came.
	version, nonce string
	open           []update // neither accepted nor refused yet
}

func newPeer(t testing.TB, conn *grpc.ClientConn, delta bool) *peer {
	t.Helper()
	p := &peer{t: t, conn: conn, delta: delta, node: node, types: make(map[string]*subscription), end: func() {}}
	p.connect()
	t.Cleanup(func() { p.end() })
	return p
}

// connect opens a new stream, as an Envoy does that lost the one before: it keeps
// what it has, and is subscribed to nothing.
func (p *peer) connect() {
	p.t.Helper()
	p.end()
	ctx, cancel := context.WithCancel(context.Background())
	p.end, p.updates, p.backlog, p.named = cancel, make(chan update, 100), nil, false
	delete(p.types, probeLabel) // else a server may take it that it need not answer
	for _, s := range p.types {
		s.started, s.implied, s.names, s.nonce, s.open = false, false, make(map[string]bool), "", nil
	}
	ads := discovery.NewAggregatedDiscoveryServiceClient(p.conn)
	if p.delta {
		stream, err := ads.DeltaAggregatedResources(ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		p.send = func(i *intent) error { return stream.Send(p.deltaRequest(i)) }
		go pump(ctx, p, p.updates, func() (update, error) {
			resp, err := stream.Recv()
			return deltaUpdate(p.t, resp), err
		})
		return
	}
	stream, err := ads.StreamAggregatedResources(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send = func(i *intent) error { return stream.Send(p.sotwRequest(i)) }
	go pump(ctx, p, p.updates, func() (update, error) {
		resp, err := stream.Recv()
		return sotwUpdate(p.t, resp), err
	})
}

func pump(ctx context.Context, p *peer, updates chan<- update, receive func() (update, error)) {
	for {
		u, err := receive()
		if err != nil {
			if ctx.Err() == nil {
				p.err = err
			}
			close(updates)
			return
		}
		select {
		case updates <- u:
		case <-ctx.Done():
			close(updates)
			return
		}
	}
}

// tellNode returns the node for the first request of the stream, and none for
// later ones.
func (p *peer) tellNode() *corev3.Node {
	if p.named {
		return nil
	}
	p.named = true
	return p.node
}

func (p *peer) of(label string) *subscription {
	s, ok := p.types[label]
	if !ok {
		s = &subscription{names: make(map[string]bool), view: make(map[string]item), refused: make(map[string]bool)}
		p.types[label] = s
	}
	return s
}

// subscribe changes the subscription to one type. In the state-of-the-world
// variant it answers what is open, since it bears the nonce.
func (p *peer) subscribe(label string, add, drop []string) {
	p.t.Helper()
	s := p.of(label)
	if !p.delta && len(s.open) > 0 {
		p.accept(s)
	}
	if !s.started && len(add) == 0 {
		s.implied = label == "cluster" || label == "listener"
	}
	for _, name := range add {
		s.names[name] = true
		s.implied = s.implied && p.delta // a name ends it in the state of the world alone
	}
	for _, name := range drop {
		delete(s.names, name)
		s.implied = s.implied && name != "*"
	}
	p.sent(&intent{typeURL: typeURL(label), subscribe: add, unsubscribe: drop, s: s})
	s.started = true
	maps.DeleteFunc(s.view, func(name string, _ item) bool { return !s.wants(name) })
}

func (s *subscription) wants(name string) bool { return s.implied || s.names["*"] || s.names[name] }

func (p *peer) sent(i *intent) {
	p.t.Helper()
	if label := labelOf(i.typeURL); label != probeLabel {
		p.t.Logf("%s > %s +%v -%v %s", i.nonce, label, i.subscribe, i.unsubscribe, i.refusal.GetMessage())
	}
	if err := p.send(i); err != nil {
		<-time.After(100 * time.Millisecond) // for the reason to arrive
		p.t.Fatalf("sending: %v; the stream ended with %v", err, p.err)
	}
}

// next returns the next update, not taken over yet.
func (p *peer) next() update {
	p.t.Helper()
	if len(p.backlog) > 0 {
		u := p.backlog[0]
		p.backlog = p.backlog[1:]
		return u
	}
	select {
	case u, ok := <-p.updates:
		if !ok {
			p.t.Fatalf("the stream ended: %v", p.err)
		}
		p.came(u)
		return u
	case <-time.After(patience):
		p.t.Fatal("no response comes")
		panic("not reached")
	}
}

func (p *peer) came(u update) {
	if u.label != probeLabel {
		p.t.Logf("%s < %s", u.nonce, u)
	}
	s := p.of(u.label)
	s.nonce, s.open = u.nonce, append(s.open, u)
}

// accept takes over the oldest open update, and says so unless the next request
// does.
func (p *peer) accept(s *subscription) update {
	u := s.open[0]
	s.open = s.open[1:]
	s.version = u.version
	if !p.delta && (u.label == "cluster" || u.label == "listener") {
		s.view, s.refused = make(map[string]item), make(map[string]bool)
	}
	for name, has := range u.changed {
		delete(s.refused, name)
		if s.wants(name) {
			s.view[name] = has
		}
	}
	for _, name := range u.removed {
		delete(s.view, name)
		delete(s.refused, name)
	}
	return u
}

// answer accepts or refuses the oldest open update of a type.
func (p *peer) answer(label string, refuse bool) {
	p.t.Helper()
	s := p.of(label)
	if !refuse {
		u := p.accept(s)
		p.sent(&intent{typeURL: typeURL(label), nonce: u.nonce, s: s})
		return
	}
	u := s.open[0]
	s.open = s.open[1:]
	for _, names := range []map[string]item{u.changed, s.view} {
		for name := range names {
			s.refused[name] = true
		}
	}
	for _, name := range u.removed {
		s.refused[name] = true
	}
	p.sent(&intent{typeURL: typeURL(label), nonce: u.nonce, refusal: &rpcstatus.Status{Code: 3, Message: "no"}, s: s})
}

// probeLabel is the type that is asked for to probe.
const probeLabel = "runtime"

// probe makes sure that every earlier request was dealt with: it asks for
// something else, and waits for that. What comes before is in the backlog.
func (p *peer) probe() {
	p.t.Helper()
	const label = probeLabel
	add, drop := "probe-a", "probe-b"
	if p.of(label).names[add] {
		add, drop = drop, add
	}
	dropped := []string{drop}
	if !p.of(label).names[drop] {
		dropped = nil
	}
	p.subscribe(label, []string{add}, dropped)
	for deadline := time.After(patience); ; {
		select {
		case u, ok := <-p.updates:
			if !ok {
				p.t.Fatalf("the stream ended: %v", p.err)
			}
			p.came(u)
			if u.label == label {
				p.answer(label, false)
				return
			}
			p.backlog = append(p.backlog, u)
		case <-deadline:
			p.t.Fatal("a request is not answered")
		}
	}
}
