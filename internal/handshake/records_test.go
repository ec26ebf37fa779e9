package handshake

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/contour-xds/contour/internal/certtest"
)

// TestReadsKeepToARecord reads records of every kind of length, as many bytes at a time
// as the network happens to have.
func TestReadsKeepToARecord(t *testing.T) {
	const most = 16<<10 + 256
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var stream []byte
		ends := map[int]bool{}
		for range 50 {
			length := []int{0, 1, recordAhead - recordHead, recordAhead, random.IntN(most), most}[random.IntN(6)]
			stream = append(stream, 23, 3, 3)
			stream = binary.BigEndian.AppendUint16(stream, uint16(length))
			stream = append(stream, make([]byte, length)...)
			ends[len(stream)] = true
		}
		var r recordReader
		for at := 0; at < len(stream); {
			body, rest := r.rest > 0, r.rest
			n := r.limit(len(stream) - at)
			if body && n != min(rest, len(stream)-at) || !body && n > recordAhead {
				t.Fatalf("%d bytes may be read, of a body of which %d are to come", n, rest)
			}
			n = 1 + random.IntN(n) // there may be less
			r.pass(stream[at : at+n])
			at += n
			if atEnd := r.rest == 0 && r.have == 0; atEnd != ends[at] {
				t.Fatalf("after %d bytes, a record ends: %v, and it should be %v", at, atEnd, ends[at])
			}
		}
	}
}

// offers notes how much is offered to a read, at most.
type offers struct {
	net.Conn
	most int
}

func (o *offers) Read(b []byte) (int, error) {
	o.most = max(o.most, len(b))
	return o.Conn.Read(b)
}

// TestABurstDoesNotGrowTheBufferOfAConnection is about the buffer of crypto/tls, of
// which it offers all that is free to a read. Without the door it grows: if that is no
// longer so, there is nothing to keep from growing.
func TestABurstDoesNotGrowTheBufferOfAConnection(t *testing.T) {
	const record = recordHead + 16<<10 + 256 // at most (RFC 8446, section 5.2)
	ca := certtest.NewCA(t, "ca")
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{ca.Issue(t, certtest.Server()).TLS()},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
	}
	door := New(Config{TLS: config})
	defer door.Close()
	for name, c := range map[string]struct {
		handshake credentials.TransportCredentials
		grows     bool
	}{
		"door":  {door, false},
		"stock": {credentials.NewTLS(config), true},
	} {
		if most := offeredAfterBurst(t, ca, c.handshake); (most > record) != c.grows {
			t.Errorf("%s: %d bytes are offered to a read, and a record has at most %d", name, most, record)
		}
	}
}

// offeredAfterBurst sends a connection 64 KiB at once, and returns how much is then
// offered to a read at most.
func offeredAfterBurst(t *testing.T, ca *certtest.CA, server credentials.TransportCredentials) int {
	t.Helper()
	raw, theirs := sockets(t)
	deadline := time.Now().Add(time.Minute)
	_, _ = raw.SetDeadline(deadline), theirs.SetDeadline(deadline)
	client := tls.Client(theirs, &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{ca.Issue(t, certtest.Client()).TLS()}, DynamicRecordSizingDisabled: true,
	})
	burst := bytes.Repeat([]byte("x"), 64<<10)
	sent := make(chan error, 1)
	go func() {
		_, err := client.Write(burst) // after the handshake
		sent <- err
	}()
	offered := &offers{Conn: raw}
	secured, _, err := server.ServerHandshake(offered)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil { // all of it waits in the socket
		t.Fatal(err)
	}
	got := make([]byte, len(burst))
	if _, err := io.ReadFull(secured, got); err != nil || !bytes.Equal(got, burst) {
		t.Fatalf("a burst came otherwise than it was sent (%v)", err)
	}
	return offered.most
}
