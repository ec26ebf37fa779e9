package bench

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"

	"github.com/contour-xds/contour/internal/certtest"
)

// crowdVariable holds the [crowdSpec] of a process of this binary that is to be
// many clients instead of the tests.
const crowdVariable = "CONTOUR_BENCH_CROWD"

// A crowdSpec says what clients are like. It goes to their process as JSON.
type crowdSpec struct {
	// Dir holds ca.pem, tls.crt and tls.key.
	Dir string
	// Variant is the one of the protocol; [bareKind] is none, but a server that sends
	// as many bytes as AnswerBytes after a handshake and PushBytes with every push.
	Variant                string
	AnswerBytes, PushBytes int
	// Identities is how many they have; 0 is one for all.
	Identities int
	// Listeners has the clients subscribe to listeners after clusters.
	Listeners bool
}

// heard is what a crowd answers: when the response that was waited for came to each
// client, and what all of them received.
type heard struct {
	// Began is when it was asked, and At when the clients had the response.
	Began time.Time
	At    []time.Time
	// Bytes are those that came through TLS since the last answer, and ResourceBytes
	// those of resources among them.
	Bytes, ResourceBytes int
	// CPU is the processor time of the clients' process.
	CPU time.Duration
	// Err says which client failed first.
	Err string
}

// crowd is the clients of a process. Each has a goroutine that reads and writes.
type crowd struct {
	spec     crowdSpec
	dialect  dialect
	config   *tls.Config
	configs  []*tls.Config // of each identity; none where all share one
	arriving chan arrival
	// has is the clusters of the clients, which are the same, and ask what each begins
	// with: a node is put before it.
	has map[string]string
	ask []byte
}

// An arrival is a response that one client received, or that it lost its
// connection.
type arrival struct {
	message
	at       time.Time
	received int // bytes
	err      error
}

// beCrowd does what the lines on standard input say, until they end.
func beCrowd(given string) error {
	c := &crowd{arriving: make(chan arrival, 1<<16)}
	if err := json.Unmarshal([]byte(given), &c.spec); err != nil {
		return fmt.Errorf("reading %s: %w", crowdVariable, err)
	}
	c.dialect = dialects()[c.spec.Variant]
	if err := c.identify(); err != nil {
		return err
	}
	answers := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		h := c.obey(words[0], n, words[2:])
		h.CPU = used(false).CPU
		if err := answers.Encode(h); err != nil {
			return err
		}
	}
	return nil
}

// obey connects n clients, or waits until n have the next response, or have lost
// their connection.
func (c *crowd) obey(verb string, n int, rest []string) heard {
	switch verb {
	case "connect":
		begin := time.Now()
		if c.dialect.ask != nil {
			c.ask = encode(c.dialect.ask(nil, clusterURL, c.has))
		}
		for i := range n {
			go c.client(rest[0], i)
		}
		h := c.await(n, c.lastType(), nil)
		h.Began = begin
		return h
	case "await":
		return c.await(n, clusterURL, nil)
	case "lose":
		return c.await(n, "", net.ErrClosed)
	default: // drain
		return c.drain()
	}
}

// lastType is the type that is answered last when a client connects.
func (c *crowd) lastType() string {
	if c.spec.Listeners {
		return listenerURL
	}
	return clusterURL
}

// await waits until n clients have a response of the type, or have lost their
// connection when that is what is wanted.
func (c *crowd) await(n int, typeURL string, want error) heard {
	h := heard{Began: time.Now()}
	late := time.After(4 * patience)
	for len(h.At) < n {
		select {
		case a := <-c.arriving:
			h.add(a)
			if a.err != nil && want == nil {
				h.Err = a.err.Error()
				return h
			}
			if a.resources != nil {
				c.has = a.resources
			}
			if a.err != nil || a.typeURL == typeURL {
				h.At = append(h.At, a.at)
			}
		case <-late:
			h.Err = fmt.Sprintf("only %d of %d clients got what they wait for", len(h.At), n)
			return h
		}
	}
	return h
}

// drain waits a little for what comes unasked.
func (c *crowd) drain() heard {
	h := heard{Began: time.Now()}
	for end := time.After(settling); ; {
		select {
		case a := <-c.arriving:
			h.add(a)
			h.At = append(h.At, a.at)
		case <-end:
			return h
		}
	}
}

// add takes over what one client received.
func (h *heard) add(a arrival) {
	h.Bytes, h.ResourceBytes = h.Bytes+a.received, h.ResourceBytes+a.bytes
}

// client is the client of this number, until it loses its connection.
func (c *crowd) client(addr string, number int) {
	err := c.converse(addr, number)
	c.arriving <- arrival{at: time.Now(), err: err}
}

func (c *crowd) converse(addr string, number int) error {
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	config, _ := c.as(number)
	conn := tls.Client(raw, config)
	defer conn.Close()
	w := newWire(conn)
	if c.spec.Variant == bareKind {
		return c.listen(w)
	}
	if err := w.open(c.dialect.method); err != nil {
		return err
	}
	if err := c.subscribe(w, number); err != nil {
		return err
	}
	for before := 0; ; before = w.received {
		m, err := w.receive(c.spec.Listeners && number == 0) // one client is enough to keep them
		if err != nil {
			return err
		}
		a := arrival{message: m, at: time.Now(), received: w.received - before}
		if err := w.send(c.dialect.ack(m)); err != nil {
			return err
		}
		c.arriving <- a
	}
}

func (c *crowd) subscribe(w *wire, number int) error {
	// Encoded messages one after the other are one message (Protocol Buffers, "Last One
	// Wins"), so that all clients share what is large.
	_, group := c.as(number)
	node := &corev3.Node{Id: fmt.Sprint("client-", number), Cluster: group}
	if err := w.send(append(encode(c.dialect.ask(node, "", nil)), c.ask...)); err != nil || !c.spec.Listeners {
		return err
	}
	return w.send(encode(c.dialect.ask(nil, listenerURL, nil)))
}

// encode encodes a message of our own, which can't fail.
func encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// listen takes the bytes of a bare server for responses of clusters.
func (c *crowd) listen(w *wire) error {
	for size := c.spec.AnswerBytes; ; size = c.spec.PushBytes {
		if _, err := w.in.Discard(max(1, size)); err != nil { // 1 to wait for the end
			return err
		}
		c.arriving <- arrival{message: message{typeURL: c.lastType()}, at: time.Now(), received: size}
	}
}

func (c *crowd) identify() error {
	path := func(name string) string { return filepath.Join(c.spec.Dir, name) }
	pair, err := tls.LoadX509KeyPair(path("tls.crt"), path("tls.key"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(path("ca.pem"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	c.config = &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{pair},
	}
	return c.loadIdentities()
}
