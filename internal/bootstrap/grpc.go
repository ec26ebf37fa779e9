package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
)

const (
	// refreshInterval is how often a gRPC client looks for new credential files; it
	// uses them from its next connection on. By its own default it would look every
	// ten minutes, and a client that reconnects meanwhile be refused for a certificate
	// that was replaced in time.
	refreshInterval = "5s"

	// serverListeners names the Listener that a gRPC server asks for, with the address
	// that it listens on for %s. A server does not start without such a template, which
	// has no default (gRFC A36, whose example this is); a client has no use for it.
	serverListeners = "grpc/server?xds.resource.listening_address=%s"

	// xdsV3 has a client speak version 3 of xDS, the only one that is served. Those that
	// know the credentials "tls" speak no other; older ones do so only when told (gRFC
	// A30).
	//
	// It is the one server feature that is given. ignore_resource_deletion (gRFC A53)
	// would keep a client on a listener or cluster that was removed, until it restarts
	// and has none: what is gone from the resources is to be gone for all.
	// fail_on_data_errors (gRFC A88) would have a client that refuses a resource throw
	// away the last good one with it, and trusted_xds_server (gRFC A81) would let
	// resources rewrite the authority of calls, which nobody asked for.
	xdsV3 = "xds_v3"
)

// GRPCConfig says what a gRPC client that takes its configuration by xDS is to be
// told. It has what of a [Config] means something to gRPC: there is no admin
// interface and no runtime, and gRPC speaks one protocol, state of the world over
// one aggregated stream.
type GRPCConfig struct {
	// XDSAddress is the IP address or the host name that the client dials, without a
	// port. With TLS it is also what the server's certificate must bear: gRPC knows
	// the server by the host that it dials and by no other name.
	XDSAddress string
	XDSPort    int

	// TLS is what the client proves itself and knows the server by. Optional: nil means
	// plaintext, in which neither happens. The certificate and the key must be in one
	// folder.
	TLS *TLS
	// ServerName is the name that someone expects the client to demand of the server.
	// Optional: one that is not XDSAddress is refused.
	ServerName string

	// NodeID and NodeCluster are what the client calls itself towards the server. NodeID
	// is required, since gRPC has it from nowhere else. NodeCluster is optional.
	NodeID, NodeCluster string
}

// The messages of the file have the names and the order of gRFC A27, in which they
// are described.
type (
	grpcBootstrap struct {
		Servers         []grpcServer `json:"xds_servers"`
		Node            grpcNode     `json:"node"`
		ServerListeners string       `json:"server_listener_resource_name_template"`
	}
	grpcServer struct {
		URI         string            `json:"server_uri"`
		Credentials []grpcCredentials `json:"channel_creds"`
		Features    []string          `json:"server_features"`
	}
	grpcCredentials struct {
		Type   string     `json:"type"`
		Config *grpcFiles `json:"config,omitempty"`
	}
	// grpcFiles is the configuration of the credentials "tls" (gRFC A65).
	grpcFiles struct {
		Cert            string `json:"certificate_file"`
		Key             string `json:"private_key_file"`
		CA              string `json:"ca_certificate_file"`
		RefreshInterval string `json:"refresh_interval"`
	}
	grpcNode struct {
		ID      string `json:"id"`
		Cluster string `json:"cluster,omitempty"`
	}
)

// NewGRPC returns the bootstrap that cfg asks for, as the JSON that gRPC reads, or
// an error that names the flag that is wrong and says what to do about it. It
// returns the same bytes for the same cfg every time.
//
// Certificate providers are left out: they would lend the key pair of this channel
// to the connections between clients and their backends, which it is not for.
func NewGRPC(cfg GRPCConfig) ([]byte, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // paths stay as they were given
	encoder.SetIndent("", "  ")
	err := encoder.Encode(grpcBootstrap{
		Servers: []grpcServer{{
			URI:         cfg.serverURI(),
			Credentials: []grpcCredentials{cfg.credentials()},
			Features:    []string{xdsV3},
		}},
		Node:            grpcNode{ID: cfg.NodeID, Cluster: cfg.NodeCluster},
		ServerListeners: serverListeners,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the bootstrap: %w", err)
	}
	return out.Bytes(), nil
}

// serverURI names its resolver: without one, gRPC would take a host that is called
// xds or dns for a scheme.
func (cfg GRPCConfig) serverURI() string {
	return "dns:///" + net.JoinHostPort(cfg.XDSAddress, strconv.Itoa(cfg.XDSPort))
}

func (cfg GRPCConfig) credentials() grpcCredentials {
	if cfg.TLS == nil {
		return grpcCredentials{Type: "insecure"}
	}
	return grpcCredentials{Type: "tls", Config: &grpcFiles{
		Cert: cfg.TLS.CertFile, Key: cfg.TLS.KeyFile, CA: cfg.TLS.CAFile,
		RefreshInterval: refreshInterval,
	}}
}
