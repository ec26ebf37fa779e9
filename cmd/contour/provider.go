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
	providerFile      = "file"
	providerWatch     = "watch"
	providerGenerated = "generated"
)

func providerFlags(flags *pflag.FlagSet) {
	flags.String(providerFlag, "", "`provider` of the credentials: file reads the three files once, so that new ones need a restart; "+
		"watch follows them, and serves new ones from the next handshake on; generated makes and renews its own "+
		"(default: file with the three files, generated without)")
}

// checkProvider refuses a provider that is none.
func checkProvider(name string) error {
	switch name {
	case providerFile, providerWatch, providerGenerated:
		return nil
	}
	return fmt.Errorf("--%s is %q; it must be %s, %s or %s", providerFlag, name, providerFile, providerWatch, providerGenerated)
}

// chooseProvider says which provider the settings ask for; empty, for plaintext, only
// where that is asked for.
func (s *settings) chooseProvider(name string, files channelFlags, given, insecure bool) (string, error) {
	three := strings.Join([]string{"--" + files.ca, "--" + files.cert, "--" + files.key}, ", ")
	origin := s.origin(providerFlag)
	switch {
	case insecure && given:
		return "", fmt.Errorf("--%s contradicts %s; drop one or the other", insecureFlag, three)
	case insecure && origin != "":
		return "", fmt.Errorf("--%s contradicts --%s, which is given (by %s); drop one or the other", insecureFlag, providerFlag, origin)
	case insecure:
		return "", s.checkStateless("plaintext has none")
	case origin == "" && given:
		name = providerFile
	case origin == "":
		name = providerGenerated
	}
	switch err := checkProvider(name); {
	case err != nil:
		return "", err
	case name == providerGenerated && given:
		return "", fmt.Errorf("--%s %s makes its own credentials, and %s are given; drop one or the other", providerFlag, name, three)
	case name == providerGenerated:
		return name, nil
	case !given:
		return "", fmt.Errorf("missing %s: --%s is given (by %s), and what it provides comes from these files; give them, or leave it out",
			three, providerFlag, origin)
	}
	return name, s.checkStateless("the three files are given")
}

// newProvider is the one place that chooses where credentials come from. It
// returns nil for a channel in plaintext.
func newProvider(cfg serveConfig, log *slog.Logger, registry *prometheus.Registry) (credentials.CredentialProvider, error) {
	if cfg.plaintext() {
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
	case providerGenerated:
		provider, err = newGenerated(cfg, log)
	}
	if err != nil {
		return nil, err
	}
	registry.MustRegister(provider, credentials.NewCollector(provider))
	return provider, nil
}
