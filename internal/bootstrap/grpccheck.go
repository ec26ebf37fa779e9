package bootstrap

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// check refuses what gRPC would refuse, or would take and never reach the server
// with.
func (cfg GRPCConfig) check() error {
	if err := checkServer(cfg.XDSAddress, cfg.XDSPort); err != nil {
		return err
	}
	if err := cfg.checkServerName(); err != nil {
		return err
	}
	if cfg.TLS != nil {
		if err := cfg.checkTLS(); err != nil {
			return err
		}
	}
	if cfg.NodeID == "" {
		return fmt.Errorf("--node-id is empty, and a gRPC client has its id from nowhere else; give it one")
	}
	return checkText([]setting{{"--node-id", cfg.NodeID}, {"--node-cluster", cfg.NodeCluster}})
}

func (cfg GRPCConfig) checkServerName() error {
	if cfg.ServerName == "" || sameHost(cfg.ServerName, cfg.XDSAddress) {
		return nil
	}
	return fmt.Errorf("--xds-server-name %q differs from --xds-address %q, and gRPC holds the server's certificate to the host that it dials, alone; "+
		"issue the server's certificate for %[2]q as well, and leave --xds-server-name out", cfg.ServerName, cfg.XDSAddress)
}

// sameHost compares host names without regard to case, and addresses by what they
// mean.
func sameHost(a, b string) bool {
	addrA, errA := netip.ParseAddr(a)
	addrB, errB := netip.ParseAddr(b)
	if errA != nil || errB != nil {
		return strings.EqualFold(a, b)
	}
	return addrA.Unmap() == addrB.Unmap()
}

func (cfg GRPCConfig) checkTLS() error {
	if err := cfg.TLS.check(); err != nil {
		return err
	}
	if strings.HasSuffix(cfg.XDSAddress, ".") {
		return fmt.Errorf("--xds-address %q ends with a dot, which names in certificates do not, and gRPC holds the server's certificate to it; leave the dot out", cfg.XDSAddress)
	}
	// gRPC reads the two together, to have them from one generation.
	if cert, key := filepath.Dir(cfg.TLS.CertFile), filepath.Dir(cfg.TLS.KeyFile); cert != key {
		return fmt.Errorf("--envoy-mtls-cert and --envoy-mtls-key are in the folders %q and %q, and gRPC takes them from one folder only; put both files into one", cert, key)
	}
	return nil
}
