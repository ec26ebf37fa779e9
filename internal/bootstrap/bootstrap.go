// Package bootstrap makes the configuration that an xDS client starts with, an Envoy
// or a gRPC client: who it is, how it reaches the server, and how it makes sure that
// it is that server.
//
// [New] and [NewResources] are pure functions of their [Config]; [Marshal] and
// [Write] turn what they return into files. [NewGRPC] and [WriteGRPC] do the same
// for a gRPC client. Nothing here opens a credential: the bootstrap names the files,
// the client opens them, possibly on another machine. So a bootstrap holds no secret.
//
// Envoy reads the files that a bootstrap names inline once, when it starts: new
// ones need a restart of Envoy. That is the documented way of phase one. Those that
// it has from SDS files, in Config.ResourcesDir, it takes over while it runs. A gRPC
// client looks for new ones by itself.
package bootstrap

import (
	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// ServerCluster is the name of the cluster by which Envoy reaches the server. It
// is part of the contract with resources: those that are fetched over streams of
// their own name it as their source. internal/resources has the same name.
const ServerCluster = "contour"

// DefaultServerName is the DNS SAN by which Envoy knows the server's certificate
// from any other of the same CA, unless another is chosen.
const DefaultServerName = "contour"

// Config says what the Envoy is to be told. [New] checks it; its errors name the
// flags of contour bootstrap.
type Config struct {
	// XDSAddress is the IP address or the host name that Envoy dials, without a
	// port.
	XDSAddress string
	XDSPort    int

	// TLS is what Envoy proves itself and knows the server by. Optional: nil means
	// plaintext, in which neither happens.
	TLS *TLS
	// ServerName is the subject alternative name that Envoy demands of the server's
	// certificate: a DNS name, or an IP address for a server whose certificate has
	// none. It need not be what Envoy dials. Required with TLS, and without meaning
	// otherwise.
	ServerName string

	// ResourcesDir is the folder of the SDS files by which Envoy has its credentials,
	// by the path by which Envoy opens it: with them it takes new ones while it runs,
	// and [NewResources] makes them. Needs TLS. Optional: empty means that the
	// bootstrap names the credential files itself, and new ones need a restart.
	ResourcesDir string

	// NodeID and NodeCluster are what Envoy calls itself towards the server.
	// Optional: an empty one is left to Envoy's --service-node and
	// --service-cluster, so that many Envoys can share one file; without either,
	// Envoy refuses to start.
	NodeID, NodeCluster string

	// AdminAddress is the loopback address of Envoy's admin interface. Optional:
	// empty means 127.0.0.1.
	AdminAddress string
	// AdminPort is its port. At 0, Envoy takes a free one, which it writes to the
	// file that its --admin-address-path names.
	AdminPort int

	// RTDSLayer is the name of the Runtime resource that Envoy takes as a layer of
	// its runtime. Optional: empty means none.
	RTDSLayer string

	// Protocol is the variant of xDS that listeners, clusters and the runtime layer
	// are fetched by. Optional: empty means DeltaADS.
	Protocol Protocol
}

// TLS names the credential files by the paths by which the client opens them:
// relative ones are relative to its working directory.
type TLS struct {
	// CAFile is the bundle that verifies the server's certificate.
	CAFile string
	// CertFile is the client's own certificate chain, leaf first, and KeyFile its key.
	CertFile, KeyFile string
}

// New returns the bootstrap that cfg asks for, or an error that names the flag
// that is wrong and says what to do about it.
func New(cfg Config) (*bootstrapv3.Bootstrap, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cluster, err := serverCluster(cfg)
	if err != nil {
		return nil, err
	}
	return &bootstrapv3.Bootstrap{
		Node:             &corev3.Node{Id: cfg.NodeID, Cluster: cfg.NodeCluster},
		Admin:            &bootstrapv3.Admin{Address: socketAddress(cfg.AdminAddress, cfg.AdminPort)},
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{cluster}},
		DynamicResources: dynamicResources(cfg.Protocol),
		LayeredRuntime:   layeredRuntime(cfg),
	}, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Protocol == "" {
		cfg.Protocol = DeltaADS
	}
	if cfg.AdminAddress == "" {
		cfg.AdminAddress = "127.0.0.1"
	}
	return cfg
}

// layeredRuntime puts the admin layer last, since a later layer overrides an
// earlier one: what an operator sets by hand on one Envoy beats what the fleet is
// sent. Without a layer from the server it is nil, which Envoy takes for an
// admin layer alone.
func layeredRuntime(cfg Config) *bootstrapv3.LayeredRuntime {
	if cfg.RTDSLayer == "" {
		return nil
	}
	rtds := &bootstrapv3.RuntimeLayer_RtdsLayer{Name: cfg.RTDSLayer, RtdsConfig: cfg.Protocol.source()}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{
		{Name: "rtds", LayerSpecifier: &bootstrapv3.RuntimeLayer_RtdsLayer_{RtdsLayer: rtds}},
		{Name: "admin", LayerSpecifier: &bootstrapv3.RuntimeLayer_AdminLayer_{AdminLayer: &bootstrapv3.RuntimeLayer_AdminLayer{}}},
	}}
}

// socketAddress takes a port that has been checked.
func socketAddress(address string, port int) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       address,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)}, //nolint:gosec // 0 to 65535, as checked
	}}}
}
