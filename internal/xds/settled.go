package xds

import (
	"cmp"
	"sync"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// settled keeps go-control-plane from answering a refusal at once with what was
// just refused, for ever: a NACK bears the version that the client goes on with,
// and the cache answers whenever that is not its own. So the version in a NACK
// becomes the one that it refuses, and the next answer waits for another one.
type settled struct {
	grpc.BidiStreamingServer[discovery.DiscoveryRequest, discovery.DiscoveryResponse]

	typeURL string // of requests that name none

	mu   sync.Mutex // guards sent, since one goroutine sends and one receives
	sent map[string]sentVersion
}

func newSettled(stream grpc.BidiStreamingServer[discovery.DiscoveryRequest, discovery.DiscoveryResponse], typeURL string) *settled {
	return &settled{BidiStreamingServer: stream, typeURL: typeURL, sent: make(map[string]sentVersion)}
}

// sentVersion is what was sent last of a type.
type sentVersion struct{ nonce, version string }

// Send implements [grpc.BidiStreamingServer].
func (s *settled) Send(resp *discovery.DiscoveryResponse) error {
	s.mu.Lock()
	s.sent[resp.GetTypeUrl()] = sentVersion{nonce: resp.GetNonce(), version: resp.GetVersionInfo()}
	s.mu.Unlock()
	return s.BidiStreamingServer.Send(resp)
}

// Recv implements [grpc.BidiStreamingServer].
func (s *settled) Recv() (*discovery.DiscoveryRequest, error) {
	req, err := s.BidiStreamingServer.Recv()
	if err != nil || req.GetErrorDetail() == nil {
		return req, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.sent[cmp.Or(req.GetTypeUrl(), s.typeURL)]; ok && last.nonce == req.GetResponseNonce() {
		req.VersionInfo = last.version
	}
	return req, nil
}
