package xds

import (
	"cmp"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// stream keeps the books of one stream: who is at the other end, and which
// responses are not answered yet. It is used from two goroutines at once, one
// that receives and one that sends.
type stream struct {
	typeURL string // of requests that name none
	log     *slog.Logger
	metrics *metrics

	mu      sync.Mutex          // guards the two below
	node    *corev3.Node        // pinned at the first request; nil before
	pending map[string][]string // by type URL, the nonces of responses that were neither accepted nor refused
}

// sotwStream and deltaStream see each message on its way between the core and
// gRPC.
type sotwStream struct {
	grpc.GenericServerStream[discovery.DiscoveryRequest, discovery.DiscoveryResponse]
	*stream
}

// Recv implements [grpc.BidiStreamingServer].
func (s *sotwStream) Recv() (*discovery.DiscoveryRequest, error) {
	for {
		req, err := s.GenericServerStream.Recv()
		if err != nil || s.received(req) {
			return req, err
		}
	}
}

// Send implements [grpc.BidiStreamingServer].
func (s *sotwStream) Send(resp *discovery.DiscoveryResponse) error {
	s.sending(resp)
	return s.GenericServerStream.Send(resp)
}

type deltaStream struct {
	grpc.GenericServerStream[discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse]
	*stream
}

// Recv implements [grpc.BidiStreamingServer].
func (s *deltaStream) Recv() (*discovery.DeltaDiscoveryRequest, error) {
	for {
		req, err := s.GenericServerStream.Recv()
		if err != nil || s.received(req) {
			return req, err
		}
	}
}

// Send implements [grpc.BidiStreamingServer].
func (s *deltaStream) Send(resp *discovery.DeltaDiscoveryResponse) error {
	s.sending(resp)
	return s.GenericServerStream.Send(resp)
}

// request and response are what both variants of the protocol have in common.
type request interface {
	GetNode() *corev3.Node
	GetTypeUrl() string
	GetResponseNonce() string
	GetErrorDetail() *status.Status
}

type response interface {
	GetTypeUrl() string
	GetNonce() string
}

// received keeps the books of a request, and tells whether the core is to see it:
// a request of a type that is not served would only take memory there, and a
// client can make up any number of types. Such a client waits, as it would for a
// resource that does not exist.
func (s *stream) received(req request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.node == nil && req.GetNode() != nil {
		s.node = req.GetNode()
		s.log.Debug("stream identified", "node", nodeText(s.node.GetId()), "cluster", nodeText(s.node.GetCluster()))
	}
	// A request on the aggregated service must name its type; that it does not is for
	// the core to refuse.
	typeURL := cmp.Or(req.GetTypeUrl(), s.typeURL)
	if typeURL != "" && label(typeURL) == otherType {
		s.log.Debug("passing over a request for a type that is not served", "type", bounded(typeURL, maxNodeText))
		return false
	}
	s.answered(typeURL, req)
	return true
}

// answered tells acceptance from refusal from a mere change of subscription: the
// first request that bears a response's nonce answers it, and refuses it when it
// has an error (xDS protocol, "ACK/NACK and versioning").
func (s *stream) answered(typeURL string, req request) {
	i := slices.Index(s.pending[typeURL], req.GetResponseNonce())
	if i < 0 {
		return
	}
	s.pending[typeURL] = slices.Delete(s.pending[typeURL], i, i+1)
	if detail := req.GetErrorDetail(); detail != nil {
		s.refused(typeURL, detail.GetMessage())
		return
	}
	s.metrics.acks.WithLabelValues(label(typeURL)).Inc()
}

func (s *stream) refused(typeURL, words string) {
	s.metrics.nacks.WithLabelValues(label(typeURL)).Inc()
	s.log.Warn("an Envoy refused its configuration (NACK) and goes on with what it had",
		"type", label(typeURL), "node", nodeText(s.node.GetId()), "cluster", nodeText(s.node.GetCluster()), "error", refusalText(words))
}

// maxPending bounds how many responses of a type are remembered, of a client that
// answers none.
const maxPending = 64

// sending is called before the response is on its way, so that the answer can't
// come first.
func (s *stream) sending(resp response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	typeURL := cmp.Or(resp.GetTypeUrl(), s.typeURL)
	pending := s.pending[typeURL]
	pending = append(pending, resp.GetNonce())
	s.pending[typeURL] = pending[max(0, len(pending)-maxPending):]
	s.metrics.responses.WithLabelValues(label(typeURL)).Inc()
}

// Bounds of what a peer can put into a log line, in bytes.
const (
	maxNodeText    = 128
	maxRefusalText = 1024
)

func nodeText(name string) string { return bounded(name, maxNodeText) }

// dumped finds where Envoy's words turn into a dump of the message that it refuses,
// as text, as debug text or as JSON: there, any field can be a key or a password.
var dumped = regexp.MustCompile(`-----BEGIN|\[?goo\.gle/debug|\b\w+\s*:\s*"|\b\w+\s*\{\s|\{\s*"`)

// refusalText is what Envoy says of a configuration, without what it repeats of
// it. The log handler escapes it.
func refusalText(words string) string {
	if at := dumped.FindStringIndex(words); at != nil {
		words = words[:at[0]] + "[configuration left out]"
	}
	return bounded(words, maxRefusalText)
}

func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
