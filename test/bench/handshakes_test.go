package bench

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// roundTime is how long one round of handshakes lasts.
const roundTime = 500 * time.Millisecond

// keyTypes are those of the servers' and clients' certificates. Their CA's is P-256.
var keyTypes = []struct {
	name string
	kind certtest.KeyType
}{
	{"P-256", certtest.ECDSA},
	{"Ed25519", certtest.Ed25519},
	{"RSA-2048", certtest.RSA},
}

// someResources is a small folder of resources.
const someResources = `resources:
- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, connect_timeout: 1s, type: STATIC}
- {"@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: b, connect_timeout: 1s, type: STATIC}
`

// BenchmarkHandshakes compares full mutual handshakes a second, on as many
// connections as keep the machine busy, and the same for each second of the server's
// own processor time. The first is what was promised; client and server share
// the machine, so that the client's half of the work hides half of the difference.
// The second has the server's half alone: it is what one processor of a machine
// that only serves could do, and hardly moves with what else runs.
func BenchmarkHandshakes(b *testing.B) {
	for _, key := range keyTypes {
		b.Run(key.name, func(b *testing.B) {
			dir, client := newFolder(b, key.kind, someResources)
			contour := start(b, serverSpec{Kind: contourKind, Dir: dir})
			defer contour.stop()
			size, err := shake(contour.addr, client)
			must(b, err)
			bare := start(b, serverSpec{Kind: bareKind, Dir: dir, AnswerBytes: size})
			defer bare.stop()

			rate := comparison{unit: "handshakes/s", baseline: bareKind, goal: atLeast(0.9)}
			each := comparison{unit: "handshakes/server-cpu-s", baseline: bareKind, goal: atLeast(0.9)}
			compare(b,
				func() []float64 { return handshakes(bare, client, size) },
				func() []float64 { return handshakes(contour, client, size) }, &rate, &each)
		})
	}
}

// newFolder makes what servers serve from, and the config of their client.
func newFolder(b testing.TB, key certtest.KeyType, resources string) (dir string, client *tls.Config) {
	b.Helper()
	dir = b.TempDir()
	ca := certtest.NewCA(b, "root")
	of, by := certtest.Server(), certtest.Client()
	of.Key, by.Key = key, key
	certtest.WriteFiles(b, dir, ca, ca.Issue(b, of))
	must(b, os.Mkdir(filepath.Join(dir, "resources"), 0o700))
	certtest.WriteFile(b, filepath.Join(dir, "resources", "all.yaml"), []byte(resources))
	return dir, clientConfig(ca, ca.Issue(b, by))
}

func clientConfig(ca *certtest.CA, pair *certtest.Pair) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{pair.TLS()},
	}
}

// handshakes shakes hands with the server for the time of a round, and returns how
// many that were for each second, and for each second of the server's processor time.
// The server's verdict is always an answer of size bytes.
func handshakes(s *server, client *tls.Config, size int) []float64 {
	s.b.Helper()
	var done atomic.Int64
	var group sync.WaitGroup
	cpu, begin := s.cpu(), time.Now()
	end := begin.Add(roundTime)
	for range 8 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for time.Now().Before(end) {
				got, err := shake(s.addr, client)
				if err == nil && got != size {
					err = fmt.Errorf("an answer of %d bytes, want %d as from the other server", got, size)
				}
				if err != nil {
					s.b.Errorf("%s: %v", s.kind, err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	elapsed := time.Since(begin)
	n := float64(done.Load())
	return []float64{n / elapsed.Seconds(), n / (s.cpu() - cpu).Seconds()}
}

// shake does one full handshake, and returns how many bytes the server's answer
// has. In TLS 1.3 a client is done before the server has seen its certificate;
// that the server has let it in shows in the first HTTP/2 frame, SETTINGS.
func shake(addr string, config *tls.Config) (answer int, err error) {
	raw, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return 0, err
	}
	conn := tls.Client(raw, config)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var header [frameHeaderBytes]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return 0, err
	}
	if conn.ConnectionState().DidResume {
		return 0, errors.New("a session was resumed")
	}
	payload := int(binary.BigEndian.Uint32(header[:4]) >> 8)
	if header[3] != frameSettings || payload > 1<<10 {
		return 0, fmt.Errorf("no settings come first, but a frame of type %d", header[3])
	}
	_, err = io.ReadFull(conn, make([]byte, payload))
	return frameHeaderBytes + payload, err
}

// patience bounds what takes milliseconds.
const patience = 30 * time.Second

// Of RFC 9113, sections 4.1 and 6.5.
const (
	frameHeaderBytes = 9
	frameSettings    = 4
)

// settingsFrame is an HTTP/2 frame SETTINGS of so many bytes, all told.
func settingsFrame(size int) []byte {
	frame := make([]byte, size)
	binary.BigEndian.PutUint32(frame, uint32(size-frameHeaderBytes)<<8)
	frame[3] = frameSettings
	return frame
}
