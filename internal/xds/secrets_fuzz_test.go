package xds_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/internal/xds"
)

// FuzzSecretsStayWithinTheGrant lets a client ask for secrets however it likes, while
// what refers to them changes and so does what is granted by name. No secret ever comes
// that the client did not ask for while it might have it: not in an answer, and not in
// anything else that is on the wire.
func FuzzSecretsStayWithinTheGrant(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x1f\x00", "\x01\x1f\x00\x3f\xa0\x1f\x00\x1f", "\x02\xff\x01\xff\x02", "\x05\x1f\xe1\x1f\xe2",
		// Granted while nobody asks, and asked for when it is no more.
		"\x04\x80\x04\x81\x00\xa0\x10\x00\x01\xa0\x00\x20\x11\x20\x31",
		"\x04\x80\x04\xc0\x00\x00\x01\xc0\x03\x20\x03\x20\x23\x60\x01", "\x06\xc0\x02\x00\x0f\x60\x00\xc0\x03\x00\x3f\x60\x00",
	} {
		f.Add([]byte(seed))
	}
	gate := newFickle()
	server := start(f, func(cfg *xds.Config) { cfg.Gate, cfg.ListenerDrain = gate, xds.DefaultListenerDrain })
	var snapshots []*resources.Snapshots
	for _, w := range secretWorlds {
		snapshots = append(snapshots, w.snapshot(f))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 120 {
			return
		}
		gate.decide("b")
		server.Publish(snapshots[0])
		talk := newSecretTalk(t, server.conn.Target(), script[:min(1, len(script))])
		defer talk.close()
		for pair := range slices.Chunk(script[min(1, len(script)):], 2) {
			if len(pair) < 2 {
				break
			}
			switch detail := pair[1]; pair[0] >> 5 {
			case 5:
				talk.gate = secretNames(detail)
				gate.decide("b", talk.gate...)
				talk.entitle(nil)
			case 6:
				talk.world = secretWorlds[int(detail)%len(secretWorlds)]
				server.Publish(snapshots[int(detail)%len(secretWorlds)])
				talk.entitle(nil)
			default:
				talk.say(pair[0]>>5, detail)
			}
		}
		talk.finish()
	})
}

// A secretTalk is a stream whose requests are made of bytes, with a tap below it.
type secretTalk struct {
	t     *testing.T
	conn  *grpc.ClientConn
	wire  *wiretap
	delta bool
	send  func(typeURL string, add, drop []string, nonce string, refuses bool, has map[string]string) error
	hear  func() (typeURL, nonce string, err error)
	end   func() error
	// single is whether the stream carries secrets alone.
	single bool

	group string
	world secretWorld
	gate  []string
	// asked is every name that was ever asked for, and may is those that were when the
	// client might have them.
	asked, may map[string]bool
	names      []string // of the state of the world
	nonces     map[string]string
	turns      int
	over       error
}

// newSecretTalk opens a stream as the first byte says: of which variant, on which
// service, and as whose.
func newSecretTalk(t *testing.T, target string, first []byte) *secretTalk {
	t.Helper()
	var kind byte
	if len(first) > 0 {
		kind = first[0]
	}
	talk := &secretTalk{t: t, wire: &wiretap{}, delta: kind&1 != 0, world: secretWorlds[0], asked: map[string]bool{}, may: map[string]bool{}, nonces: map[string]string{}}
	talk.group = []string{"", "a", "", "b"}[kind>>3&3]
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(talk.wire.dial))
	if err != nil {
		t.Fatal(err)
	}
	talk.conn = conn
	service := "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	if talk.single = kind&2 != 0; talk.single {
		service = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"
	}
	if talk.delta {
		service = strings.Replace(service, "/Stream", "/Delta", 1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, service)
	if err != nil {
		t.Fatal(err)
	}
	talk.use(stream)
	if kind&4 != 0 && !talk.single { // as an Envoy, whose listeners hold back what goes
		talk.say(4, 4)
	}
	return talk
}

// use speaks and hears by a stream, of either variant.
func (k *secretTalk) use(stream grpc.ClientStream) {
	node := &corev3.Node{Id: "x", Cluster: k.group}
	k.end = stream.CloseSend
	k.send = func(typeURL string, add, drop []string, nonce string, refuses bool, has map[string]string) error {
		var refusal *rpcstatus.Status
		if refuses {
			refusal = &rpcstatus.Status{Code: 3}
		}
		if k.delta {
			return stream.SendMsg(&discovery.DeltaDiscoveryRequest{
				Node: node, TypeUrl: typeURL, ResourceNamesSubscribe: add, ResourceNamesUnsubscribe: drop, ResponseNonce: nonce, ErrorDetail: refusal, InitialResourceVersions: has,
			})
		}
		return stream.SendMsg(&discovery.DiscoveryRequest{Node: node, TypeUrl: typeURL, ResourceNames: add, ResponseNonce: k.nonces[typeURL], ErrorDetail: refusal})
	}
	k.hear = func() (string, string, error) {
		if k.delta {
			var resp discovery.DeltaDiscoveryResponse
			err := stream.RecvMsg(&resp)
			return resp.GetTypeUrl(), resp.GetNonce(), err
		}
		var resp discovery.DiscoveryResponse
		err := stream.RecvMsg(&resp)
		return resp.GetTypeUrl(), resp.GetNonce(), err
	}
}

// secretNames are names that a byte selects, one by a bit.
func secretNames(bits byte) []string {
	var selected []string
	for i, name := range append(slices.Clone(sealedNames), "*", sealedOfB, "none") {
		if bits&(1<<i) != 0 {
			selected = append(selected, name)
		}
	}
	return selected
}

// say makes a request of two bytes, and on the aggregated service waits until it was
// dealt with.
func (k *secretTalk) say(act, detail byte) {
	names, nonce := secretNames(detail), k.nonces[secretType]
	var err error
	switch act {
	case 0:
		k.entitle(names)
		k.names = append(k.names, names...)
		add := names
		if !k.delta {
			add = k.names
		}
		err = k.send(secretType, add, nil, "", false, nil)
	case 1:
		k.entitle(names)
		k.names = names
		err = k.send(secretType, names, secretNames(^detail), nonce, false, nil)
	case 2:
		err = k.send(secretType, k.unlessDelta(), nil, nonce, false, nil)
	case 3:
		err = k.send(secretType, k.unlessDelta(), nil, nonce, true, nil)
	case 4:
		all := resources.Types()
		if url := all[int(detail)%len(all)].URL; url != secretType {
			err = k.send(url, nil, nil, k.nonces[url], detail&128 != 0, nil)
		}
	default:
		has := map[string]string{}
		for _, name := range names {
			has[name] = "made up"
		}
		k.entitle([]string{"*"})
		k.names = append(k.names, "*")
		err = k.send(secretType, []string{"*"}, nil, "", false, has)
	}
	if err != nil {
		k.over = err
	}
	k.settle()
}

func (k *secretTalk) unlessDelta() []string {
	if k.delta {
		return nil
	}
	return k.names
}

// entitle notes what the client may have of all that it asks for or ever asked for, now
// that it asks or may have something else.
func (k *secretTalk) entitle(names []string) {
	for _, name := range names {
		k.asked[name] = true
	}
	for _, name := range append(slices.Clone(sealedNames), sealedOfB) {
		granted := slices.Contains(k.world.refers(), name) || slices.Contains(k.gate, name)
		if granted && name != sealedOfB && k.group != "b" && (k.asked[name] || k.asked["*"]) {
			k.may[name] = true
		}
	}
}

// settle asks for something else, where that can be done, and waits for it.
func (k *secretTalk) settle() {
	const url = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
	if k.over != nil || k.single {
		return
	}
	name, other := "probe-a", "probe-b"
	if k.turns++; k.turns%2 == 0 {
		name, other = other, name
	}
	if k.send(url, []string{name}, []string{other}, "", false, nil) != nil {
		k.over = io.EOF
	}
	for k.over == nil {
		got, nonce, err := k.hear()
		if k.over = err; err == nil {
			k.nonces[got] = nonce
		}
		if got == url {
			return
		}
	}
}

// finish hears all that still comes, and looks through all that ever did.
func (k *secretTalk) finish() {
	_ = k.end() // and the server deals with all that came before
	for err := k.over; err == nil; {
		_, _, err = k.hear()
		k.over = err
	}
	if code := status.Code(k.over); !errors.Is(k.over, io.EOF) && code != codes.InvalidArgument && code != codes.PermissionDenied && code != codes.Canceled {
		k.t.Errorf("the stream ended with %v", k.over)
	}
	for _, name := range append(slices.Clone(sealedNames), sealedOfB) {
		if !k.may[name] && k.wire.has(sealed(name)) {
			k.t.Errorf("%s came, and the client never might have it when it asked for it", name)
		}
	}
}

func (k *secretTalk) close() { _ = k.conn.Close() }

// A wiretap keeps what a client reads from its connections.
type wiretap struct {
	mu  sync.Mutex // guards all
	all bytes.Buffer
}

func (w *wiretap) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	return &tappedConn{conn, w}, err
}

// has looks for a text, which is short enough to be in one frame of HTTP/2: no answer
// here fills one.
func (w *wiretap) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.all.Bytes(), []byte(text))
}

type tappedConn struct {
	net.Conn
	into *wiretap
}

// Read implements [net.Conn].
func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.into.mu.Lock()
	defer c.into.mu.Unlock()
	c.into.all.Write(b[:n])
	return n, err
}
