package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

const (
	// callTimeout is how long a server may take to answer, until it is connected to and
	// for the whole of a large fleet.
	callTimeout = time.Minute
	// maxAnswer bounds one answer, in bytes. It is room for 200,000 clients; gRPC's
	// default of 4 MiB is reached with some 3,000.
	maxAnswer = 256 << 20
)

// Call asks one server which clients it has.
type Call struct {
	// Address is its xDS port, as host:port.
	Address string
	// TLS has the name that its certificate must bear, and the caller's certificate: an
	// operator's, or one of an identity that a rule of the access policy lets see the
	// fleet.
	TLS *tls.Config
}

// Do makes the call, within a minute or until ctx ends. An error says what to do.
func (c Call) Do(ctx context.Context) ([]Client, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+c.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(c.TLS)), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close()
	answer, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).FetchClientStatus(ctx, &statusv3.ClientStatusRequest{ExcludeResourceContents: true})
	if err != nil {
		return nil, c.explain(err)
	}
	clients := make([]Client, 0, len(answer.GetConfig()))
	for _, config := range answer.GetConfig() {
		clients = append(clients, decode(config))
	}
	return clients, nil
}

// explain says what to do about the answer of a server.
func (c Call) explain(err error) error {
	said := errors.New(status.Convert(err).Message())
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return fmt.Errorf("%w; it must be the xDS port of a contour that serves mutual TLS, be reached from here, have a certificate for %q, and trust the CA of yours", said, c.TLS.ServerName)
	case codes.Unimplemented:
		return fmt.Errorf("%w; it is no contour, or an older one, or one that serves plaintext", said)
	case codes.PermissionDenied:
		return said
	}
	return err
}
