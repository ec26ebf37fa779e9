package main

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
)

// stateConfig is where and how contour makes its own credentials.
type stateConfig struct {
	dir string
	// given is false where dir is the default.
	given    bool
	lifetime time.Duration
}

// state unpacks the settings of generated credentials.
func (s *settings) state() (stateConfig, error) {
	var cfg stateConfig
	var err error
	if cfg.lifetime, err = certgen.ParseLifetime(fmt.Sprint(s.value(lifetimeName))); err != nil {
		return cfg, s.about(lifetimeName, err)
	}
	if cfg.lifetime < credentials.MinGeneratedLifetime || cfg.lifetime > credentials.MaxGeneratedLifetime {
		return cfg, s.about(lifetimeName, fmt.Errorf("%s can't be kept up; give one from %s to %s", certgen.FormatLifetime(cfg.lifetime),
			certgen.FormatLifetime(credentials.MinGeneratedLifetime), certgen.FormatLifetime(credentials.MaxGeneratedLifetime)))
	}
	cfg.dir, cfg.given, err = s.stateDir()
	return cfg, err
}

// check keeps generated credentials to where they do. Two servers with a folder each
// have a CA each, so that an Envoy which moves from one to the other is refused: on an
// address that others reach, someone has to say that this is the only one.
func (c stateConfig) check(address string) error {
	if c.given || loopback(address) {
		return nil
	}
	return fmt.Errorf("--xds-address %s is not a loopback address, and the credentials that contour makes itself are for one server and Envoys on its machine; "+
		"give --%s for a server that is the only one, certificates that all have in common, as contour certgen makes them, by --%s, --%s and --%s, or --%s for plaintext",
		address, stateFlag, serverChannel.ca, serverChannel.cert, serverChannel.key, insecureFlag)
}

func newGenerated(cfg serveConfig, log *slog.Logger) (*credentials.Generated, error) {
	server, err := certgen.ParseNames(generatedServerNames(cfg.XDSAddress))
	if err != nil {
		return nil, err
	}
	client, err := certgen.ParseNames([]string{"DNS:" + clientIdentity})
	if err != nil {
		return nil, err
	}
	if !cfg.state.given {
		if err := makeStateParents(cfg.state.dir); err != nil {
			return nil, err
		}
	}
	generated, err := credentials.NewGenerated(credentials.GeneratedConfig{
		Dir: cfg.state.dir, Server: server, Client: client, Lifetime: cfg.state.lifetime, Logger: log,
	})
	if err == nil {
		log.Info("credentials are made and renewed in the state folder", "state", cfg.state.dir, "lifetime", certgen.FormatLifetime(cfg.state.lifetime))
	}
	return generated, err
}

// generatedServerNames are those that clients on this machine dial and demand, and the
// address that is listened on, by which a gRPC client knows the server.
func generatedServerNames(address string) []string {
	names := append(slices.Clone(defaultServerNames), "IP:::1")
	switch ip := net.ParseIP(address); {
	case ip == nil && address != "localhost":
		return append(names, "DNS:"+address)
	case ip != nil && !ip.IsUnspecified() && !slices.Contains(names, "IP:"+ip.String()):
		return append(names, "IP:"+ip.String())
	}
	return names
}
