package main

import (
	"fmt"
	"io"

	"github.com/contour-xds/contour/internal/bootstrap"
)

// envoyOnly are the settings of contour bootstrap that only an Envoy has a use for,
// and what a gRPC client does instead.
var envoyOnly = []struct{ name, instead string }{
	{"xds-protocol", "speaks state of the world over one stream, and nothing else"},
	{"admin-address", "has no admin interface"},
	{"admin-port", "has no admin interface"},
	{"rtds-layer", "has no runtime"},
	{"resources-dir", "looks for new credentials by itself, so that it is needless"},
}

// checkClient refuses a setting that is given and would have no effect. That of a
// configuration file or the environment counts: there, nobody would see it ignored.
func (s *settings) checkClient(client bootstrap.Client) error {
	if client != bootstrap.GRPC {
		return nil
	}
	for _, setting := range envoyOnly {
		if origin := s.origin(setting.name); origin != "" {
			return fmt.Errorf("%s is given, and a gRPC client %s; leave it out, or give --client %s", origin, setting.instead, bootstrap.Envoy)
		}
	}
	return nil
}

// write writes the bootstrap for the client that is asked for.
func (c bootstrapConfig) write(path string, out io.Writer) error {
	if c.Client == string(bootstrap.GRPC) {
		data, err := bootstrap.NewGRPC(c.grpc())
		if err != nil {
			return err
		}
		return bootstrap.WriteGRPC(path, out, data)
	}
	envoy, err := bootstrap.New(c.envoy())
	if err != nil {
		return err
	}
	resources, err := bootstrap.NewResources(c.envoy())
	if err != nil {
		return err
	}
	return bootstrap.Write(path, out, envoy, resources...)
}

func (c bootstrapConfig) envoy() bootstrap.Config {
	return bootstrap.Config{
		XDSAddress: c.XDSAddress, XDSPort: c.XDSPort, ServerName: c.ServerName, Protocol: bootstrap.Protocol(c.Protocol), TLS: c.tls(),
		NodeID: c.NodeID, NodeCluster: c.NodeCluster, AdminAddress: c.AdminAddress, AdminPort: c.AdminPort, RTDSLayer: c.RTDSLayer,
		ResourcesDir: c.ResourcesDir,
	}
}

// grpc leaves out the server's name where nobody gave it: its default is Envoy's.
func (c bootstrapConfig) grpc() bootstrap.GRPCConfig {
	cfg := bootstrap.GRPCConfig{
		XDSAddress: c.XDSAddress, XDSPort: c.XDSPort, TLS: c.tls(), NodeID: c.NodeID, NodeCluster: c.NodeCluster,
	}
	if c.serverNameGiven {
		cfg.ServerName = c.ServerName
	}
	return cfg
}

// tls is nil in plaintext.
func (c bootstrapConfig) tls() *bootstrap.TLS {
	if c.channel == nil {
		return nil
	}
	return &bootstrap.TLS{CAFile: c.channel.CA.Path, CertFile: c.channel.Cert.Path, KeyFile: c.channel.Key.Path}
}
