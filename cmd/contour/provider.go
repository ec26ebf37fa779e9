package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/credentials"
)

// providerFlag says where the credentials of serve come from.
const providerFlag = "credential-provider"

// The values of --credential-provider.
const (
	providerFile  = "file"
	providerWatch = "watch"
)

func providerFlags(flags *pflag.FlagSet) {
	flags.String(providerFlag, providerFile, "`provider` of these credentials: file reads them once, so that new ones need a restart; watch follows them, and serves new ones from the next handshake on")
}

// checkProvider refuses a provider that is none.
func checkProvider(name string) error {
	switch name {
	case providerFile, providerWatch:
		return nil
	}
	return fmt.Errorf("--%s is %q; it must be %s or %s", providerFlag, name, providerFile, providerWatch)
}

// checkProviderFiles refuses a provider that is asked for and has no files.
func (s *settings) checkProviderFiles(files channelFlags, given bool) error {
	origin := s.origin(providerFlag)
	if origin == "" || given {
		return nil
	}
	return fmt.Errorf("missing %s: --%s is given (by %s), and what it provides comes from these files; give them, or leave it out",
		strings.Join([]string{"--" + files.ca, "--" + files.cert, "--" + files.key}, ", "), providerFlag, origin)
}

// newProvider is the one place that chooses where credentials come from. It
// returns nil for a channel in plaintext.
func newProvider(cfg serveConfig, log *slog.Logger, registry *prometheus.Registry) (credentials.CredentialProvider, error) {
	if cfg.channel == nil {
		return nil, nil //nolint:nilnil // no provider is what plaintext means
	}
	var provider interface {
		credentials.CredentialProvider
		prometheus.Collector
	}
	var err error
	switch cfg.Provider {
	case providerFile:
		provider, err = credentials.NewFile(credentials.FileConfig{Files: *cfg.channel, Logger: log})
	case providerWatch:
		provider, err = credentials.NewWatch(credentials.WatchConfig{Files: *cfg.channel, Logger: log})
	default:
		err = checkProvider(cfg.Provider)
	}
	if err != nil {
		return nil, err
	}
	registry.MustRegister(provider, credentials.NewCollector(provider))
	return provider, nil
}
