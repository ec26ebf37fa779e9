//go:build long

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// TestLongTenThousandConnectsLeaveNothing has clients connect over mutual TLS, each
// with a handshake of its own and under a kilobyte of a name that nobody met before,
// be served and go. The process is then as it was: in goroutines, open files, series
// and memory.
func TestLongTenThousandConnectsLeaveNothing(t *testing.T) {
	f := newFixture(t)
	f.write("many.yaml", manyClusters(20, 5))
	c := f.serve()
	pair := f.ca.Issue(t, certtest.Client())
	creds := credentials.NewTLS(&tls.Config{RootCAs: f.ca.Pool(), Certificates: []tls.Certificate{pair.TLS()}, ServerName: certtest.ServerName})

	churn(t, c, creds, 0, 2000) // so that whatever is made once is made
	goroutines, files, memory, series := c.settledUse(0)
	churn(t, c, creds, 2000, 12_000)
	goroutinesAfter, filesAfter, memoryAfter, seriesAfter := c.settledUse(goroutines)
	t.Logf("goroutines %v and %v, files %v and %v, twice the heap in use %v and %v, series %v and %v",
		goroutines, goroutinesAfter, files, filesAfter, memory, memoryAfter, series, seriesAfter)
	if filesAfter > files || seriesAfter != series {
		t.Errorf("open files went from %v to %v, series from %v to %v", files, filesAfter, series, seriesAfter)
	}
	// The names alone would be ten megabytes, and count twice.
	if grown := memoryAfter - memory; grown > 4<<20 {
		t.Errorf("twice the heap in use grew by %v bytes", grown)
	}
}

// settledUse is what the process uses once nobody is connected, and it has no more
// goroutines than that, if not 0. The memory is when the next collection begins: twice
// what the last one left, and no matter of the race detector, whose own memory the
// process has besides.
func (c *contour) settledUse(goroutines float64) (now, files, memory float64, series int) {
	c.t.Helper()
	c.wantConnections(0)
	get := func(name string) float64 {
		c.t.Helper()
		value, err := c.metric(name)
		must(c.t, err)
		return value
	}
	if goroutines == 0 {
		time.Sleep(time.Second) // for what ends on its own
	}
	envoy.Eventually(c.t, deadline, "there are as many goroutines as before", func() error {
		if now = get("go_goroutines"); goroutines > 0 && now > goroutines {
			return fmt.Errorf("%v, not %v", now, goroutines)
		}
		return nil
	})
	resp, err := http.Get("http://" + c.metrics + "/metrics")
	must(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(c.t, err)
	return now, get("process_open_fds"), get("go_memstats_next_gc_bytes"), strings.Count(string(text), "\n")
}

func churn(t *testing.T, c *contour, creds credentials.TransportCredentials, from, to int) {
	t.Helper()
	next := make(chan int)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for i := range next {
				if err := connectOnce(c.xds, creds, i); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			}
		})
	}
	for i := from; i < to && !t.Failed(); i++ {
		next <- i
	}
	close(next)
	clients.Wait()
}

func connectOnce(target string, creds credentials.TransportCredentials, i int) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(creds))
	if err != nil {
		return err
	}
	defer conn.Close()
	node := &corev3.Node{Id: fmt.Sprintf("node-%d-%s", i, strings.Repeat("x", 500)), Cluster: fmt.Sprintf("cluster-%d-%s", i, strings.Repeat("y", 500))}
	ads := discovery.NewAggregatedDiscoveryServiceClient(conn)
	if i%2 == 0 {
		stream, err := ads.DeltaAggregatedResources(ctx)
		if err != nil {
			return err
		}
		if err := stream.Send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: resourcev3.ClusterType}); err != nil {
			return err
		}
		_, err = stream.Recv()
		return err
	}
	stream, err := ads.StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&discovery.DiscoveryRequest{Node: node, TypeUrl: resourcev3.ClusterType}); err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}
