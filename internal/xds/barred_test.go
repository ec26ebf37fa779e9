package xds_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/xds"
)

// TestWhoDoesNotReadIsBarredAllTheSame has clients stop reading, until the server waits
// for them, then bars them and changes the secrets. Each is expelled, though its stream
// can't notice; and when it reads on, nothing comes that is newer.
func TestWhoDoesNotReadIsBarredAllTheSame(t *testing.T) {
	const clients = 8
	var expelled atomic.Int32
	gate := newFickle()
	gate.expel = func(error) { expelled.Add(1) } // which is to close the connection, and here does not
	f := start(t, func(cfg *xds.Config) { cfg.Gate = gate })
	gate.decide("", generousSecrets...)
	publish := bigSecrets(t, f.Publish)
	publish() // turn 1
	var stalled []interface {
		Recv() (*discovery.DeltaDiscoveryResponse, error)
	}
	for range clients {
		s := openDelta(f, adsDelta)
		for range 3 { // the later ones find the stream blocked
			if err := s.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: secretType, ResourceNamesSubscribe: []string{"*"}}); err != nil {
				t.Fatal(err)
			}
		}
		stalled = append(stalled, s)
	}
	reader := newPeer(t, f.conn, true)
	reader.subscribe("secret", []string{"big-0"}, nil)
	reader.next()
	time.Sleep(200 * time.Millisecond) // for the others to fill all buffers
	gate.decide(node.GetCluster())
	publish()                                                                                         // turn 2
	f.eventually("all who are barred are expelled", func() bool { return expelled.Load() > clients }) // the reader, too
	for _, s := range stalled {
		for {
			resp, err := s.Recv()
			if err != nil {
				if status.Code(err) != codes.PermissionDenied {
					t.Errorf("the stream ended with %v", err)
				}
				break
			}
			for _, r := range resp.GetResources() {
				if bytes.Contains(r.GetResource().GetValue(), []byte("turn 2")) {
					t.Fatal("a client that is barred was sent what is newer than that")
				}
			}
		}
	}
}
