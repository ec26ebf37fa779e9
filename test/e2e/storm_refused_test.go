//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

const (
	// refusedClients is how many strangers are refused at least.
	refusedClients = 1000
	// refusedAtOnce bounds how many knock at the same moment.
	refusedAtOnce = 8
	// subscribers are served while the storm blows, with this many updates in the
	// quiet and in the storm.
	subscribers = 5
	updates     = 15
	// slowest is how many times as long an update may take in the storm, in one of so
	// many rounds.
	slowest = 2
	rounds  = 3
)

// TestRefusedClientsDelayNoUpdate measures how long an update takes from the rename
// of its file until every client has it, in the quiet and in a storm of strangers,
// each of which has a certificate of another CA and proves that it has its key.
//
// What else the machine does makes an update slower and never faster, so that of
// some rounds it is the best one that tells what the storm does.
func TestRefusedClientsDelayNoUpdate(t *testing.T) {
	f := newFixture(t)
	f.write("clusters.yaml", clusterNamed("first"))
	c := f.serve()
	clients := make([]*subscriber, subscribers)
	for i := range clients {
		clients[i] = f.subscribe(c)
		clients[i].wantUpdate("first")
	}

	ratio, refused := math.Inf(1), int64(0)
	for round := 0; round < rounds && ratio > slowest; round++ {
		quiet := median(f.updateLatencies(fmt.Sprintf("quiet-%d", round), clients))
		s := f.startStorm(c)
		stormy := median(f.updateLatencies(fmt.Sprintf("stormy-%d", round), clients))
		toll := s.stop()
		ratio, refused = stormy.Seconds()/quiet.Seconds(), refused+toll.clients
		t.Logf("an update takes %v by the median in the quiet, and %v in a storm of %d refused clients, %.0f a second: %.2f times as long",
			quiet, stormy, toll.clients, float64(toll.clients)/toll.took.Seconds(), ratio)
	}
	if ratio > slowest {
		t.Errorf("in the storm an update takes %.2f times as long as in the quiet; it should be %d times at most", ratio, slowest)
	}
	c.wantMetric(float64(refused), "contour_xds_tls_handshake_failures_total", "reason", "unknown_ca")
	c.wantMetric(float64(refused), "contour_xds_tls_handshakes_total", "result", "failure")
	c.wantMetric(subscribers, "contour_xds_tls_handshakes_total", "result", "success")
	c.wantConnections(subscribers)
}

// updateLatencies changes the folder again and again, and returns how long each
// change took to reach the last of the clients.
func (f *fixture) updateLatencies(words string, clients []*subscriber) []time.Duration {
	f.t.Helper()
	took := make([]time.Duration, updates)
	for i := range took {
		change := fmt.Sprintf("%s-%d", words, i)
		began := time.Now()
		f.write("clusters.yaml", clusterNamed(change))
		for _, client := range clients {
			took[i] = max(took[i], client.wantUpdate(change).Sub(began))
		}
	}
	return took
}

// A subscriber is a client that has all clusters over the delta protocol of ADS.
type subscriber struct {
	t *testing.T
	// received is each update when it arrived. It is closed when the stream ends.
	received chan update
}

type update struct {
	words string
	at    time.Time
}

func (f *fixture) subscribe(c *contour) *subscriber {
	f.t.Helper()
	conn, err := grpc.NewClient(c.xds, grpc.WithTransportCredentials(credentials.NewTLS(f.clientTLS())))
	if err != nil {
		f.t.Fatal(err)
	}
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	s := &subscriber{t: f.t, received: make(chan update, 2*updates)}
	var done sync.WaitGroup
	done.Go(func() { s.receive(stream) })
	f.t.Cleanup(func() {
		_ = conn.Close()
		done.Wait()
	})
	return s
}

// receive acknowledges what comes, until the stream ends.
func (s *subscriber) receive(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesClient) {
	defer close(s.received)
	request := &discovery.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "subscriber"}, TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
	}
	for stream.Send(request) == nil {
		resp, err := stream.Recv()
		if err != nil {
			return
		}
		arrived := time.Now()
		for _, r := range resp.GetResources() {
			var cluster clusterv3.Cluster
			if err := r.GetResource().UnmarshalTo(&cluster); err != nil {
				return
			}
			s.received <- update{words: cluster.GetAltStatName(), at: arrived}
		}
		request = &discovery.DeltaDiscoveryRequest{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce()}
	}
}

// wantUpdate waits for an update, which must be the next, and returns when it
// arrived.
func (s *subscriber) wantUpdate(words string) time.Time {
	s.t.Helper()
	select {
	case got, ok := <-s.received:
		if !ok || got.words != words {
			s.t.Fatalf("received %q; want %q; the stream is open: %v", got.words, words, ok)
		}
		return got.at
	case <-time.After(deadline):
		s.t.Fatalf("update %q did not come within %v", words, deadline)
	}
	return time.Time{}
}

// A storm is strangers who are refused, so many at once and as many as there is
// time for.
type storm struct {
	clients atomic.Int64
	began   time.Time
	over    atomic.Bool
	all     sync.WaitGroup
}

// startStorm starts a storm and returns when it blows. It ends when it is stopped,
// and not before there were [refusedClients].
func (f *fixture) startStorm(c *contour) *storm {
	f.t.Helper()
	cert := certtest.NewCA(f.t, "other").Issue(f.t, certtest.Client()).TLS()
	config := f.clientTLS()
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	s := &storm{began: time.Now()}
	f.t.Cleanup(func() { s.stop() })
	for range refusedAtOnce {
		s.all.Go(func() {
			for !s.over.Load() || s.clients.Load() < refusedClients {
				s.clients.Add(1)
				if _, err := getIn(context.Background(), deadline, c.xds, config); err == nil {
					f.t.Error("a stranger is in")
				}
			}
		})
	}
	envoy.Eventually(f.t, deadline, "the storm blows", func() error {
		if s.clients.Load() < 2*refusedAtOnce {
			return errors.New("it does not yet")
		}
		return nil
	})
	return s
}

// toll is what a storm came to.
type toll struct {
	clients int64
	took    time.Duration
}

// stop returns when the last stranger has been refused.
func (s *storm) stop() toll {
	s.over.Store(true)
	s.all.Wait()
	return toll{clients: s.clients.Load(), took: time.Since(s.began)}
}
