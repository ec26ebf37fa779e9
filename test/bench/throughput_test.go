package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"

	"github.com/contour-xds/contour/internal/certtest"
)

const (
	// The response that is pushed is of 8 MiB, and of few resources, so that most of
	// what it costs is its way from the stream to the socket.
	pushedResources = 16
	pushedBytes     = 512 << 10
	// The request is nearly as large as gRPC's default lets one be, and has few names
	// for the same reason.
	requestedNames     = 3
	requestedNameBytes = 1 << 20
	// messages is how many of them a round is of.
	messages = 30
)

// BenchmarkThroughput compares how fast large messages go out and come in. It
// watches over what memory is saved by: whatever buffers lack, calls of the kernel make
// up for.
func BenchmarkThroughput(b *testing.B) {
	var pushed strings.Builder
	pushed.WriteString("resources:\n")
	for i := range pushedResources {
		fmt.Fprintf(&pushed, "- {\"@type\": %s, name: s%d, layer: {text: %s}}\n",
			runtimeURL, i, strings.Repeat("x", pushedBytes))
	}
	dir, client := newFolder(b, certtest.ECDSA, pushed.String())
	for _, row := range []struct {
		name string
		// names are what is asked for, and resources how many of them there are.
		names     []string
		resources int
	}{
		{"push", pushedNames(), pushedResources},
		{"request", longNames(), 0},
	} {
		b.Run(row.name, func(b *testing.B) {
			contour := start(b, serverSpec{Kind: contourKind, Dir: dir})
			defer contour.stop()
			stock := start(b, serverSpec{Kind: stockKind, Dir: dir})
			defer stock.stop()
			rate := comparison{unit: "MB/s", baseline: stockKind, goal: atLeast(0.95)}
			each := comparison{unit: "MB/server-cpu-s", baseline: stockKind, goal: atLeast(0.95)}
			compare(b,
				func() []float64 { return exchange(stock, client, row.names, row.resources) },
				func() []float64 { return exchange(contour, client, row.names, row.resources) }, &rate, &each)
		})
	}
}

// pushedNames are those of all that is pushed.
func pushedNames() []string {
	var names []string
	for i := range pushedResources {
		names = append(names, fmt.Sprint("s", i))
	}
	return names
}

// longNames are names that nothing has, so that the answer is small.
func longNames() []string {
	var names []string
	for i := range requestedNames {
		names = append(names, fmt.Sprint(i)+strings.Repeat("x", requestedNameBytes))
	}
	return names
}

// exchange asks the server for the secrets of these names, of which it is to have
// so many, on one stream after the other of one connection, and returns how many megabytes went both ways
// a second, and a second of the server's processor time.
func exchange(s *server, client *tls.Config, names []string, resources int) []float64 {
	s.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := connect(ctx, s.addr, client)
	must(s.b, err)
	defer conn.Close()
	ask := &discovery.DiscoveryRequest{TypeUrl: runtimeURL, ResourceNames: names, Node: &corev3.Node{Id: nodeID}}
	cpu, begin, megabytes := s.cpu(), time.Now(), 0.0
	for range messages {
		streaming, end := context.WithCancel(ctx)
		stream, err := openStream(streaming, conn)
		must(s.b, err)
		must(s.b, stream.Send(ask))
		response, err := stream.Recv()
		must(s.b, err)
		if n := len(response.GetResources()); n != resources {
			s.b.Fatalf("%s pushed %d resources", s.kind, n)
		}
		megabytes += float64(proto.Size(ask)+proto.Size(response)) / 1e6
		end()
	}
	elapsed := time.Since(begin)
	return []float64{megabytes / elapsed.Seconds(), megabytes / (s.cpu() - cpu).Seconds()}
}
