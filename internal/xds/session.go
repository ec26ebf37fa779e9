package xds

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/resources"
)

// A request is what the requests of both variants have in common.
type request interface {
	GetNode() *corev3.Node
	GetTypeUrl() string
	GetResponseNonce() string
	GetErrorDetail() *rpcstatus.Status
}

// A variant is one of the two variants of the protocol.
type variant[Req request] interface {
	// receive waits for the next request.
	receive(stream grpc.ServerStream) (Req, error)
	// take brings a request into a watch. legacy says that a client which names
	// nothing means everything.
	take(w *watch, req Req, now *typeState, legacy bool) error
	// due is what a watch is to be sent to get to a state, and brings it there; nil
	// means nothing.
	due(w *watch, now *typeState, how extent) *response
}

// An extent says how much of what is due is sent.
type extent struct {
	keep   bool // the client loses nothing that it has
	marked bool // only what it asked for, and nothing that changed besides
}

// A session serves one stream. All of it is used by one goroutine, which sends;
// another one only receives.
type session[Req request] struct {
	books
	admitted admission
	core     *core
	variant  variant[Req]
	stream   grpc.ServerStream
	typeURL  string // of the service; empty for the aggregated one

	watches []*watch // in the order of served; nil before the first request
	legacy  bool     // naming nothing means everything
	envoy   bool     // the client is an Envoy
	nonces  uint64

	// target is the generation that the client is being brought to.
	target *generation
	// heldSince is when something was first kept back for the sake of order; zero when
	// nothing is.
	heldSince time.Time
	// drained is when the listeners that the client replaced have drained, which takes
	// drainTime.
	drained   time.Time
	drainTime time.Duration
	// resumed says that the client came with what an earlier stream gave it, and has
	// not yet asked for all that refers to it; asked is when it should have.
	resumed bool
	asked   time.Time
}

// run serves the stream until it ends, or ctx does.
func (s *session[Req]) run(ctx context.Context) error {
	requests, ended := make(chan Req), make(chan error, 1)
	go s.receive(requests, ended)
	var now moment // nothing before the first request
	for {
		select {
		case req := <-requests:
			if err := s.renew(); err != nil {
				return err
			}
			if err := s.take(req); err != nil {
				return err
			}
		case <-now.over:
		case <-s.admitted.revised:
		case <-s.patience():
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-ctx.Done():
			return nil
		}
		// Whatever it was that came first: nothing is sent by a pass that is no longer good, be
		// it to a client that has not read for long.
		if err := s.renew(); err != nil {
			return err
		}
		now = s.core.of(s.node.group)
		if err := s.advance(now.generation.granted(s.admitted.pass.Secrets)); err != nil {
			return err
		}
	}
}

// receive hands requests over one by one, so that a client whose requests are not
// wanted yet is held up by flow control. It ends with the stream.
func (s *session[Req]) receive(requests chan<- Req, ended chan<- error) {
	for {
		req, err := s.variant.receive(s.stream)
		if err != nil {
			ended <- err
			return
		}
		select {
		case requests <- req:
		case <-s.stream.Context().Done():
			ended <- s.stream.Context().Err() // nobody else tells run that it is over
			return
		}
	}
}

// take brings a request into the session. One of a type that is not served changes
// nothing: its client waits, as it would for a resource that does not exist.
func (s *session[Req]) take(req Req) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches == nil {
		if err := s.identify(req.GetNode()); err != nil {
			return err
		}
	}
	typeURL, err := s.typeOf(req)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(served, func(t resources.Type) bool { return t.URL == typeURL })
	if i < 0 {
		s.log.Debug("passing over a request for a type that is not served", "type", bounded(typeURL, maxNodeText))
		return nil
	}
	if s.watches[i] == nil {
		s.watches[i] = &watch{counts: &s.metrics.types[i]}
		s.bar()
	}
	w := s.watches[i]
	s.answered(w, req)
	state := s.current(i)
	err = s.variant.take(w, req, state, s.legacy && isWhole(typeURL))
	s.cameWith(w, state)
	if i == secretIndex {
		s.admitted.named(s.core, w, state)
	}
	if w.resumed && !s.resumed {
		// It may have replaced listeners just before it came.
		now := time.Now()
		s.resumed, s.asked, s.drained = true, now.Add(orderPatience), now.Add(s.drainTime)
	}
	return err
}

// current is the state of the type at a place that the client is being brought to.
func (s *session[Req]) current(i int) *typeState {
	if s.target != nil && s.ordered(i) {
		return s.target.types[i]
	}
	return s.core.of(s.node.group).generation.granted(s.admitted.pass.Secrets).types[i]
}

// renew asks the gate again about a client that is in, if it may decide otherwise by
// now. One that is let in no more loses its connection, and not only its stream: what it
// may not have by this one, it could ask for by another.
func (s *session[Req]) renew() error {
	if !s.admitted.overdue() {
		return nil
	}
	s.mu.Lock()
	err := s.admitted.enter(&s.node)
	s.bar()
	s.mu.Unlock()
	if expel := s.admitted.pass.Expel; err != nil && expel != nil {
		expel(err)
	}
	return err
}

// bar has the watch of secrets know what the client may have no more.
func (s *session[Req]) bar() {
	if len(s.watches) == 0 {
		return // before the first request
	}
	if w := s.watches[secretIndex]; w != nil {
		w.barred = s.admitted.barred
	}
}

// identify pins the node of the first request. Later ones may leave it out, and
// must not change it: what a stream gets depends on it.
func (s *session[Req]) identify(node *corev3.Node) error {
	s.watches = make([]*watch, len(served))
	s.books.identify(node)
	if err := s.admitted.enter(&s.node); err != nil {
		return err
	}
	s.envoy = node.GetUserAgentName() == "envoy"
	// gRPC's clients name what they want, and mean nothing when they name nothing.
	s.legacy = !strings.HasPrefix(node.GetUserAgentName(), "gRPC")
	return nil
}

// typeOf is the type that a request is about.
func (s *session[Req]) typeOf(req Req) (string, error) {
	typeURL := cmp.Or(req.GetTypeUrl(), s.typeURL)
	switch {
	case typeURL == "":
		return "", status.Error(codes.InvalidArgument, "type_url is missing: on the aggregated service each request must name its type")
	case s.typeURL != "" && typeURL != s.typeURL:
		return "", status.Errorf(codes.InvalidArgument, "type_url is not the one of this service, %s", s.typeURL)
	}
	return typeURL, nil
}

// push sends what is due for a watch, if anything is. It is called with the stream's
// mutex, which it gives up while it sends: a client that does not read may not keep
// from looking whoever looks.
func (s *session[Req]) push(w *watch, now *typeState, how extent) error {
	resp := s.variant.due(w, now, how)
	if resp == nil {
		return nil
	}
	s.nonces++
	w.nonce = strconv.FormatUint(s.nonces, 10)
	resp.own = appendText(resp.own, nonceField, w.nonce)
	s.sending(w, s.nonces, resp)
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.stream.SendMsg(resp)
}
