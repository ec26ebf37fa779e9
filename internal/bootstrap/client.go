package bootstrap

import "fmt"

// Client is a kind of xDS client, as --client names it. Each starts with a file of
// its own kind: [New] is for [Envoy], [NewGRPC] for [GRPC].
type Client string

// The clients that the server is known to serve.
const (
	Envoy Client = "envoy"
	GRPC  Client = "grpc"
)

// ParseClient returns the client of that name. Its error names both.
func ParseClient(name string) (Client, error) {
	switch c := Client(name); c {
	case Envoy, GRPC:
		return c, nil
	default:
		return "", fmt.Errorf("--client %q is neither %s nor %s", name, Envoy, GRPC)
	}
}
