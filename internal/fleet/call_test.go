package fleet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
	"testing"
	"time"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/contour-xds/contour/internal/certtest"
)

// madeUp is a client of the size that most have.
func madeUp(i int) *Client {
	c := &Client{
		Identity: fmt.Sprintf("spiffe://example.org/ns/production/sa/edge-%d", i), Rule: "edges of production",
		NodeID: fmt.Sprintf("edge-7f9c6d5b4-%05d", i), Group: "edge", UserAgent: "envoy", UserAgentVersion: "1.40.0",
		Address: fmt.Sprintf("10.1.%d.%d:54321", i/256%256, i%256), Protocols: []string{"ads/delta"},
		Connected: time.Unix(1, 5e6).UTC(), CertificateEnd: time.Unix(2, 0).UTC(), Root: "0011223344556677", OnNewestRoot: true,
	}
	for j, state := range []State{Synced, Stale, Refused, NotSent, Synced} {
		t := Type{
			URL: fmt.Sprintf("type.googleapis.com/envoy.config.cluster.v3.Cluster%d", j), Name: "cluster", State: state,
			Wildcard: j == 0, Names: j, Streams: j + 1, Acked: Mark{fmt.Sprintf("%032x", j), time.Unix(3, 7).UTC()},
		}
		t.Sent = t.Acked
		switch state {
		case Stale:
			t.Sent = Mark{"newer", time.Unix(4, 0).UTC()}
		case Refused:
			t.Sent = Mark{"newer", time.Unix(4, 0).UTC()}
			t.Refused, t.Reason = t.Sent, "no\x1bgood"
		case NotSent:
			t.Acked, t.Sent = Mark{}, Mark{}
		}
		c.Types = append(c.Types, t)
	}
	return c
}

func TestWhatIsSaidOfAClientIsWhatIsReadOfIt(t *testing.T) {
	for _, c := range []*Client{madeUp(1), {}} {
		config, err := encode(c)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := proto.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		var read statusv3.ClientConfig
		if err := proto.Unmarshal(wire, &read); err != nil {
			t.Fatal(err)
		}
		if got := decode(&read); !reflect.DeepEqual(&got, c) {
			t.Errorf("differs: %s", cmp.Diff(c, &got))
		}
		t.Logf("%d bytes", len(wire))
	}
}

// large answers with as many clients.
type large struct {
	statusv3.UnimplementedClientStatusDiscoveryServiceServer
	clients int
}

func (l large) FetchClientStatus(context.Context, *statusv3.ClientStatusRequest) (*statusv3.ClientStatusResponse, error) {
	resp := new(statusv3.ClientStatusResponse)
	for i := range l.clients {
		config, err := encode(madeUp(i))
		if err != nil {
			return nil, err
		}
		resp.Config = append(resp.Config, config)
	}
	return resp, nil
}

func TestAFleetLargerThanGRPCsDefaultIsReadAtOnce(t *testing.T) {
	const clients = 4_000 // more than 5 MiB, under the race detector
	ca := certtest.NewCA(t, "root")
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(t, certtest.Server()).TLS()}})))
	statusv3.RegisterClientStatusDiscoveryServiceServer(server, large{clients: clients})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	call := Call{Address: listener.Addr().String(), TLS: &tls.Config{RootCAs: ca.Pool(), ServerName: certtest.ServerName}}
	got, err := call.Do(t.Context())
	if err != nil || len(got) != clients || got[clients-1].NodeID != madeUp(clients-1).NodeID {
		t.Errorf("got %d, %v", len(got), err)
	}
}
