//go:build linux

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// clientTLS is an honest client's side of the channel. No session is ever resumed:
// each handshake is a full one.
func (f *fixture) clientTLS() *tls.Config {
	f.t.Helper()
	cert, err := tls.LoadX509KeyPair(f.client.Cert, f.client.Key)
	if err != nil {
		f.t.Fatal(err)
	}
	return &tls.Config{
		RootCAs: f.ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13,
	}
}

// getIn connects, does the handshake and reads the server's first frame, before
// which a client does not know whether it is in. It returns how long that took. It
// gives up when ctx ends, or after some time.
func getIn(ctx context.Context, patience time.Duration, xds string, config *tls.Config) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithDeadline(ctx, began.Add(patience))
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", xds)
	if err != nil {
		return time.Since(began), err
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(began.Add(patience))
	err = readSettings(conn)
	return time.Since(began), err
}

// readSettings reads the head of the first frame (RFC 9113, section 4.1), which
// must be one of settings.
func readSettings(conn net.Conn) error {
	const settings = 4
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return fmt.Errorf("reading the first frame: %w", err)
	}
	if head[3] != settings {
		return fmt.Errorf("the first frame is of type %d", head[3])
	}
	return nil
}
