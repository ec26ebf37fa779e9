package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/xds"
)

// serveConfig is the settings of contour serve.
type serveConfig struct {
	// channel is the three files of mutual TLS; nil where they are not given.
	channel *credentials.FileSet
	// Provider is the one in force; empty means plaintext.
	Provider string `mapstructure:"credential-provider"`
	// state is of generated credentials alone.
	state    stateConfig
	Insecure bool `mapstructure:"insecure"`

	XDSAddress     string `mapstructure:"xds-address"`
	XDSPort        int    `mapstructure:"xds-port"`
	MetricsAddress string `mapstructure:"metrics-address"`
	MetricsPort    int    `mapstructure:"metrics-port"`

	Resources        string   `mapstructure:"resources"`
	ExternalClusters []string `mapstructure:"external-clusters"`
	// ListenerDrain is a property of the Envoys that are served.
	ListenerDrain time.Duration `mapstructure:"listener-drain-time"`

	Access accessConfig `mapstructure:",squash"`
	Limits limitsConfig `mapstructure:",squash"`
	Log    logConfig    `mapstructure:",squash"`
}

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the resources of a folder to Envoys",
		Long: "Serve the resources of a folder to Envoys over xDS, secured by mutual TLS.\n\n" +
			"Without the three files of the secure channel, contour makes a CA of its own in --state-dir, and\n" +
			"certificates of it for itself and for the Envoys of this machine, and renews them: contour bootstrap\n" +
			"takes Envoy's from there. It serves loopback then, or with --state-dir given, where it is the only one.\n\n" +
			"Three files that are given are read once: new ones need a restart, and the metric\n" +
			"contour_credentials_restart_required says when one is due. With --credential-provider watch\n" +
			"they are followed, as resources are.",
		Example: "  contour serve --resources examples/resources\n" +
			"  contour serve --resources examples/resources \\\n" +
			"    --contour-cafile ca.pem --contour-mtls-cert contour.pem --contour-mtls-key contour-key.pem",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadServeConfig(cmd)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, cmd.ErrOrStderr())
		},
	}
	declareServeFlags(newFlagGroups(cmd, "CONTOUR_"))
	return cmd
}

func declareServeFlags(groups *flagGroups) {
	groups.group("Secure channel", func(flags *pflag.FlagSet) {
		flags.String("contour-cafile", "", "`file` with the CA bundle that verifies Envoys' certificates, PEM")
		flags.String("contour-mtls-cert", "", "`file` with the certificate chain that identifies this server, PEM")
		flags.String("contour-mtls-key", "", "`file` with the private key of that certificate, PEM")
		providerFlags(flags)
		generatedFlags(flags)
		flags.Bool(insecureFlag, false, "serve plaintext: whoever reaches the address can have every key")
	})
	groups.group("Access", accessFlags)
	groups.group("Resources", func(flags *pflag.FlagSet) {
		flags.String("resources", "", "`folder` of xDS resources in Envoy's own format, .yaml, .yml and .json, with groups/NAME/ for the Envoys of one node.cluster and secrets/NAME/ for certificates")
		externalClustersFlag(flags)
		flags.Duration("listener-drain-time", xds.DefaultListenerDrain,
			"`time` that a replaced listener of an Envoy serves on, its --drain-time-s; what it refers to is kept as long")
	})
	groups.group("Listeners", func(flags *pflag.FlagSet) {
		flags.String("xds-address", "127.0.0.1", "`address` to serve Envoys on")
		flags.Int("xds-port", 8001, "`port` to serve Envoys on")
		flags.String("metrics-address", "127.0.0.1", "`address` to serve /metrics, /healthz and /readyz on")
		flags.Int("metrics-port", 8000, "`port` to serve /metrics, /healthz and /readyz on")
	})
	groups.group("Limits", limitFlags)
	groups.group("Logging", logFlags)
	groups.group("Settings", configFileFlag)
}

func loadServeConfig(cmd *cobra.Command) (serveConfig, error) {
	var cfg serveConfig
	s, err := loadSettings(cmd)
	if err != nil {
		return cfg, err
	}
	if cfg.channel, err = s.channel(serverChannel); err != nil {
		return cfg, err
	}
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	cfg.Limits.ageGiven = s.origin("max-connection-age") != ""
	if cfg.Provider, err = s.chooseProvider(cfg.Provider, serverChannel, cfg.channel != nil, cfg.Insecure); err != nil {
		return cfg, err
	}
	if err := cfg.check(); err != nil {
		return cfg, err
	}
	if cfg.Provider == providerGenerated {
		if cfg.state, err = s.state(); err == nil {
			err = cfg.state.check(cfg.XDSAddress)
		}
	}
	return cfg, err
}

// check refuses settings that contradict each other, before any file is read.
func (c serveConfig) check() error {
	if c.Resources == "" {
		return errors.New("missing --resources: give the folder of resources to serve")
	}
	if err := errors.Join(checkPort("xds-port", c.XDSPort), checkPort("metrics-port", c.MetricsPort)); err != nil {
		return err
	}
	if err := c.Limits.check(); err != nil {
		return err
	}
	if err := c.Access.check(c.plaintext()); err != nil {
		return err
	}
	if c.ListenerDrain <= 0 {
		return fmt.Errorf("--listener-drain-time is %s; it must be more than 0, such as %s", c.ListenerDrain, xds.DefaultListenerDrain)
	}
	return nil
}

// plaintext tells whether whoever connects is served.
func (c serveConfig) plaintext() bool { return c.Provider == "" }

// loopback tells whether only this machine reaches an address. A name other than
// localhost can resolve to anything, and so does not count.
func loopback(address string) bool {
	ip := net.ParseIP(address)
	return address == "localhost" || ip != nil && ip.IsLoopback()
}
