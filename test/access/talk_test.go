package access

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/contour-xds/contour/internal/certtest"
)

// patience is how long an answer may take that takes milliseconds.
const patience = 20 * time.Second

// bytesCodec hands messages over as they are on the wire.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no bytes", v)
	}
	return b, nil
}

func (bytesCodec) Unmarshal(data []byte, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no bytes", v)
	}
	*into = slices.Clone(data)
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// dial connects as the owner of a pair, with a tap. It closes with the test.
func dial(t *testing.T, address string, ca *certtest.CA, pair *certtest.Pair) (*grpc.ClientConn, *recording) {
	t.Helper()
	into := &recording{}
	secure := credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: ca.Pool(), ServerName: certtest.ServerName, Certificates: []tls.Certificate{pair.TLS()},
	})
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(tap{secure, into}), grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, into
}

// A question is one request.
type question struct {
	kind      string // a key of typeURLs, or empty for that of the talk, or a whole URL
	add, drop []string
	// versions is what it says that it has: of the names in the delta variant, and of
	// everything in the other one.
	versions map[string]string
	// node is told again, as somebody else's. Optional.
	node *corev3.Node
	// accepts is an ACK of the answer before, and refuses a NACK.
	accepts, refuses bool
	// silent is whether nothing is to come.
	silent bool
}

// A talk is one stream, by either variant.
type talk struct {
	stream grpc.ClientStream
	delta  bool
	kind   string
	node   *corev3.Node // of the first request
	names  []string     // subscribed
	nonce  string
	// got are the names of all resources that came, by type URL.
	got map[string][]string
}

func open(ctx context.Context, conn *grpc.ClientConn, method string, delta bool, kind string, node *corev3.Node) (*talk, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	return &talk{stream: stream, delta: delta, kind: kind, node: node, got: map[string][]string{}}, err
}

// ask sends a question, and hears the answer unless there is to be none.
func (t *talk) ask(q question) error {
	for _, name := range q.drop {
		t.names = slices.DeleteFunc(t.names, func(n string) bool { return n == name })
	}
	t.names = append(t.names, q.add...)
	node := q.node
	if node == nil {
		node, t.node = t.node, nil
	}
	url := typeURLs[t.kind]
	if q.kind != "" {
		url = q.kind
		if known := typeURLs[q.kind]; known != "" {
			url = known
		}
	}
	var refusal *rpcstatus.Status
	if q.refuses {
		refusal = &rpcstatus.Status{Code: 3, Message: "no"}
	}
	var message proto.Message = &discovery.DeltaDiscoveryRequest{
		Node: node, TypeUrl: url, ResourceNamesSubscribe: q.add, ResourceNamesUnsubscribe: q.drop, InitialResourceVersions: q.versions, ErrorDetail: refusal,
		ResponseNonce: map[bool]string{true: t.nonce}[q.accepts || q.refuses],
	}
	if !t.delta {
		version := ""
		for _, v := range q.versions {
			version = v
		}
		message = &discovery.DiscoveryRequest{Node: node, TypeUrl: url, ResourceNames: t.names, VersionInfo: version, ErrorDetail: refusal, ResponseNonce: t.nonce}
	}
	data, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	// That sending fails says no more than that the stream is over; why is heard.
	if err := t.stream.SendMsg(data); err != nil && !errors.Is(err, io.EOF) || q.silent {
		return err
	}
	return t.hear()
}

// hear takes the next answer.
func (t *talk) hear() error {
	var data []byte
	if err := t.stream.RecvMsg(&data); err != nil {
		return err
	}
	if t.delta {
		var resp discovery.DeltaDiscoveryResponse
		if err := proto.Unmarshal(data, &resp); err != nil {
			return err
		}
		t.nonce = resp.GetNonce()
		for _, r := range resp.GetResources() {
			t.got[resp.GetTypeUrl()] = append(t.got[resp.GetTypeUrl()], r.GetName())
		}
		return nil
	}
	var resp discovery.DiscoveryResponse
	if err := proto.Unmarshal(data, &resp); err != nil {
		return err
	}
	t.nonce = resp.GetNonce()
	for _, r := range resp.GetResources() {
		name, err := nameOf(r)
		if err != nil {
			return err
		}
		t.got[resp.GetTypeUrl()] = append(t.got[resp.GetTypeUrl()], name)
	}
	return nil
}

func nameOf(r *anypb.Any) (string, error) {
	m, err := r.UnmarshalNew()
	if err != nil {
		return "", err
	}
	fields := m.ProtoReflect().Descriptor().Fields()
	field := fields.ByName("name")
	if field == nil {
		field = fields.ByName("cluster_name")
	}
	return m.ProtoReflect().Get(field).String(), nil
}

// end says that no more is asked, and hears what still comes. The server deals with all
// that was asked first, so that nothing is left to wait for.
func (t *talk) end() error {
	if err := t.stream.CloseSend(); err != nil {
		return err
	}
	for {
		switch err := t.hear(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
