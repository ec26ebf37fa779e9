package access

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"
)

// A tap keeps every byte that a client reads from its connections, after TLS and below
// gRPC: what the client's library would throw away is in it as well.
type tap struct {
	credentials.TransportCredentials
	into *recording
}

// ClientHandshake implements [credentials.TransportCredentials].
func (t tap) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := t.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	return &tapped{Conn: conn, into: t.into.connection()}, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (t tap) Clone() credentials.TransportCredentials {
	return tap{t.TransportCredentials.Clone(), t.into}
}

// A recording is safe for concurrent use.
type recording struct {
	mu    sync.Mutex // guards conns and what is in them
	conns []*bytes.Buffer
}

func (r *recording) connection() func([]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	buffer := new(bytes.Buffer)
	r.conns = append(r.conns, buffer)
	return func(b []byte) {
		r.mu.Lock()
		defer r.mu.Unlock()
		buffer.Write(b)
	}
}

type tapped struct {
	net.Conn
	into func([]byte)
}

// Read implements [net.Conn].
func (c *tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.into(b[:n])
	return n, err
}

// plaintext is all that was read, twice: as it came, and without the heads of frames,
// which may stand in the midst of what is looked for.
func (r *recording) plaintext() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all strings.Builder
	for _, conn := range r.conns {
		all.Write(conn.Bytes())
		all.Write(bodies(conn.Bytes()))
	}
	return all.String()
}

// data is the bodies alone, for a comparison.
func (r *recording) data() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []byte
	for _, conn := range r.conns {
		all = append(all, bodies(conn.Bytes())...)
	}
	return all
}

// bodies takes the DATA frames out of HTTP/2 (RFC 9113, sections 4.1 and 6.1), one
// stream behind the other. No frame of gRPC is padded.
func bodies(wire []byte) []byte {
	const head = 9
	streams := map[uint32][]byte{}
	var order []uint32
	for len(wire) >= head {
		size := int(wire[0])<<16 | int(wire[1])<<8 | int(wire[2])
		kind, id := wire[3], binary.BigEndian.Uint32(wire[5:head])
		body := wire[head:min(head+size, len(wire))]
		wire = wire[head+len(body):]
		if kind != 0 {
			continue
		}
		if _, known := streams[id]; !known {
			order = append(order, id)
		}
		streams[id] = append(streams[id], body...)
	}
	var all []byte
	for _, id := range order {
		all = append(all, streams[id]...)
	}
	return all
}
