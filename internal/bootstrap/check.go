package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// setting is a flag and what it was given.
type setting struct{ flag, value string }

// check refuses what Envoy would refuse, or would take and never reach the server
// with.
func (cfg Config) check() error {
	if _, err := ParseProtocol(string(cfg.Protocol)); err != nil {
		return err
	}
	if err := checkServer(cfg.XDSAddress, cfg.XDSPort); err != nil {
		return err
	}
	if err := checkAdmin(cfg.AdminAddress); err != nil {
		return fmt.Errorf("--admin-address %q %w", cfg.AdminAddress, err)
	}
	if cfg.AdminPort < 0 || cfg.AdminPort > 65535 {
		return fmt.Errorf("--admin-port %d is no port; give one from 1 to 65535, or 0 to let Envoy take a free one", cfg.AdminPort)
	}
	if err := cfg.checkTLS(); err != nil {
		return err
	}
	return checkText([]setting{
		{"--node-id", cfg.NodeID},
		{"--node-cluster", cfg.NodeCluster},
		{"--rtds-layer", cfg.RTDSLayer},
		{"--resources-dir", cfg.ResourcesDir},
	})
}

func (cfg Config) checkTLS() error {
	if cfg.TLS == nil && cfg.ResourcesDir != "" {
		return fmt.Errorf("--resources-dir %q is given, and plaintext has no certificates that could be replaced; "+
			"give --envoy-cafile, --envoy-mtls-cert and --envoy-mtls-key, or leave it out", cfg.ResourcesDir)
	}
	if cfg.TLS == nil {
		return nil
	}
	if err := checkServerName(cfg.ServerName); err != nil {
		return fmt.Errorf("--xds-server-name %q %w", cfg.ServerName, err)
	}
	return cfg.TLS.check()
}

// check asks for all three files, and leaves what is in them to those who open them.
func (t TLS) check() error {
	files := []setting{
		{"--envoy-cafile", t.CAFile}, {"--envoy-mtls-cert", t.CertFile}, {"--envoy-mtls-key", t.KeyFile},
	}
	for _, file := range files {
		if file.value == "" {
			return fmt.Errorf("%s is empty; TLS needs --envoy-cafile, --envoy-mtls-cert and --envoy-mtls-key", file.flag)
		}
	}
	return checkText(files)
}

// checkServer checks where a client of either kind is to find the server.
func checkServer(address string, port int) error {
	if err := checkDialed(address); err != nil {
		return fmt.Errorf("--xds-address %q %w", address, err)
	}
	if port < 1 || port > 65535 {
		return fmt.Errorf("--xds-port %d is no port to dial; give the one that contour serve listens on, from 1 to 65535", port)
	}
	return nil
}

// checkDialed tells an address that can be dialed from what people give instead.
func checkDialed(address string) error {
	addr, err := netip.ParseAddr(address)
	switch {
	case err == nil && addr.Zone() != "":
		return errors.New("has a zone, which only one machine knows; give a global address or a host name")
	case err == nil && (addr.IsUnspecified() || addr.IsMulticast()):
		return errors.New("can be listened on but not dialed; give an address or the host name of the machine that contour serve runs on")
	case err == nil:
		return nil
	case address == "":
		return errors.New("is empty; give the IP address or the host name of the machine that contour serve runs on")
	case strings.Contains(address, "://"):
		return errors.New("is a URL; give the IP address or the host name alone, and the port as --xds-port")
	case strings.HasPrefix(address, "["):
		return errors.New("has brackets; give an IPv6 address without them, and the port as --xds-port")
	case strings.Contains(address, ":"):
		return errors.New("is neither an IPv6 address nor a host name; give the port as --xds-port")
	}
	// A dot at the end keeps the resolver from trying its search domains.
	return checkHostName(strings.TrimSuffix(address, "."))
}

func checkServerName(name string) error {
	if name == "" {
		return fmt.Errorf("is empty, and would let any certificate of the CA pose as the server; give a DNS name of the server's certificate, such as %s", DefaultServerName)
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Zone() != "" {
			return errors.New("has a zone, which no certificate can have; give the address without it")
		}
		return nil
	}
	if strings.Contains(name, "*") {
		return errors.New("has a wildcard, and would let more than one certificate pose as the server; give one DNS name in full")
	}
	if strings.HasSuffix(name, ".") {
		return errors.New("ends with a dot, which names in certificates do not; leave it out")
	}
	return checkHostName(name)
}

// checkAdmin holds the admin interface to this machine: it asks nobody who they
// are.
func checkAdmin(address string) error {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Zone() != "" {
		return errors.New("is not an IP address; give 127.0.0.1 or ::1")
	}
	if !addr.IsLoopback() {
		return errors.New("is not a loopback address, and whoever reaches Envoy's admin interface can stop that Envoy and read its configuration; " +
			"give 127.0.0.1 or ::1, and let a listener route the paths that others need, such as /ready, to it")
	}
	return nil
}

// checkHostName follows RFC 1123 section 2.1, with the underscores that resolvers
// take all the same.
func checkHostName(name string) error {
	const remedy = "give an IP address, or a host name of letters, digits, hyphens and dots"
	if name == "" || len(name) > 253 {
		return fmt.Errorf("has %d characters and not 1 to 253; %s", len(name), remedy)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, hostNameCharacters) != "" {
			return fmt.Errorf("is no host name: %q cannot stand between its dots; %s", label, remedy)
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return fmt.Errorf("looks like an IP address and is none; %s", remedy)
	}
	return nil
}

const hostNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// checkText refuses what no protobuf string can hold, and what no file's name and
// no header can.
func checkText(settings []setting) error {
	for _, s := range settings {
		if !utf8.ValidString(s.value) || strings.ContainsRune(s.value, 0) {
			return fmt.Errorf("%s %q is not text; give it in UTF-8, without zero bytes", s.flag, s.value)
		}
	}
	return nil
}
