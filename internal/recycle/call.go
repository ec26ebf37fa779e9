package recycle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	// connectTimeout is how long a server may take until it is connected to.
	connectTimeout = 10 * time.Second
	// pingTime and pingTimeout find a server that vanished in the midst of a long call.
	pingTime    = 30 * time.Second
	pingTimeout = 10 * time.Second
)

// Call asks one server to recycle the connections that stand on a root.
type Call struct {
	// Address is its xDS port, as host:port.
	Address string
	// TLS has the name that its certificate must bear, and the caller's certificate, with
	// [OperatorURI].
	TLS *tls.Config
	// Root is the fingerprint of the root.
	Root string
}

// Do makes the call, and returns how many connections were closed. It takes as long as
// the server's pace has it, a minute for 10,000, or until ctx ends, at which the server
// stops too. An error says what to do.
func (c Call) Do(ctx context.Context) (int, error) {
	conn, err := grpc.NewClient("passthrough:///"+c.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(c.TLS)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingTime, Timeout: pingTimeout}),
		grpc.WithDisableServiceConfig())
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close()
	var closed wrapperspb.UInt64Value
	if err := conn.Invoke(ctx, "/"+serviceName+"/"+methodName, wrapperspb.String(c.Root), &closed); err != nil {
		return 0, c.explain(err)
	}
	return int(closed.GetValue()), nil //nolint:gosec // no server has so many
}

// explain says what to do about the answer of a server.
func (c Call) explain(err error) error {
	said := errors.New(status.Convert(err).Message())
	switch status.Code(err) {
	case codes.Unavailable:
		return fmt.Errorf("%w; it must be the xDS port of a contour that serves mutual TLS, be reached from here, and have a certificate for %q", said, c.TLS.ServerName)
	case codes.Unimplemented:
		return fmt.Errorf("%w; it is no contour, or an older one: leave it out, and restart its clients or wait for --max-connection-age", said)
	case codes.PermissionDenied:
		return fmt.Errorf("%w; only a certificate that the CA issues for this call is", said)
	case codes.NotFound:
		return fmt.Errorf("%w; bring it the ca.pem of its folder, or leave it out if it has no use for the old one any more", said)
	case codes.DeadlineExceeded, codes.Canceled:
		return fmt.Errorf("%w; what was closed until then came back, and it can be asked again", said)
	}
	return err
}
