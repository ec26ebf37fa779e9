package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/credentials"
)

// bootstrapConfig is the settings of contour bootstrap.
type bootstrapConfig struct {
	// channel is the files of mutual TLS; nil means plaintext.
	channel *credentials.FileSet
	// fromState is whether they are those of the state folder.
	fromState bool
	Insecure  bool `mapstructure:"insecure"`
	SkipCheck bool `mapstructure:"skip-credential-check"`

	Client string `mapstructure:"client"`

	XDSAddress string `mapstructure:"xds-address"`
	XDSPort    int    `mapstructure:"xds-port"`
	ServerName string `mapstructure:"xds-server-name"`
	// serverNameGiven is false where ServerName is the default.
	serverNameGiven bool
	Protocol        string `mapstructure:"xds-protocol"`

	NodeID      string `mapstructure:"node-id"`
	NodeCluster string `mapstructure:"node-cluster"`

	AdminAddress string `mapstructure:"admin-address"`
	AdminPort    int    `mapstructure:"admin-port"`
	RTDSLayer    string `mapstructure:"rtds-layer"`
	ResourcesDir string `mapstructure:"resources-dir"`
}

func newBootstrap() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap PATH|-",
		Short: "Write the configuration that an Envoy or a gRPC client starts with",
		Long: "Write the configuration with which an Envoy starts and finds contour serve, to PATH or, for -, to\n" +
			"standard output. A PATH that ends in .yaml or .yml becomes YAML, any other JSON. It holds no secret.\n\n" +
			"Without the three files of the secure channel, it takes those that contour serve makes on this machine, in\n" +
			"--state-dir, which Envoy follows while it runs. Envoy must be able to read them: it is for the same user.\n\n" +
			"Three files that are given are read by Envoy once, when it starts: new files need a restart of Envoy.\n" +
			"With --resources-dir they do not: two files of that folder, written before PATH, have Envoy watch the\n" +
			"folders of the credentials, and take over what is moved there, by mv or as a mounted Secret is updated.\n\n" +
			"With --client grpc it is that of a gRPC client that takes its configuration by xDS, without a proxy:\n" +
			"the file that the client finds by GRPC_XDS_BOOTSTRAP, whose PATH ends in .json. gRPC holds the server's\n" +
			"certificate to the host that it dials, --xds-address, and looks for new credentials every few seconds.",
		Example: "  contour bootstrap envoy.json\n" +
			"  contour bootstrap envoy.json --xds-address contour.example \\\n" +
			"    --envoy-cafile ca.pem --envoy-mtls-cert envoy.pem --envoy-mtls-key envoy-key.pem",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadBootstrapConfig(cmd)
			if err != nil {
				return err
			}
			return writeBootstrap(cfg, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	declareBootstrapFlags(newFlagGroups(cmd, "ENVOY_"))
	return cmd
}

func declareBootstrapFlags(groups *flagGroups) {
	groups.group("Secure channel", func(flags *pflag.FlagSet) {
		flags.String("envoy-cafile", "", "`file` with the CA bundle that verifies the server's certificate, as the client opens it")
		flags.String("envoy-mtls-cert", "", "`file` with the certificate chain that identifies this client, as the client opens it")
		flags.String("envoy-mtls-key", "", "`file` with the private key of that certificate, as the client opens it")
		flags.Bool("skip-credential-check", false, "do not look at the three files: they are on another machine")
		stateDirFlag(flags)
		flags.Bool(insecureFlag, false, "have the client speak plaintext: it takes its configuration from whoever answers")
		flags.String("xds-server-name", bootstrap.DefaultServerName, "DNS `name` that the server's certificate must bear (gRPC: that of --xds-address, always)")
	})
	groups.group("Server", func(flags *pflag.FlagSet) {
		flags.String("xds-address", "127.0.0.1", "IP `address` or host name of the server that the client dials")
		flags.Int("xds-port", 8001, "`port` of the server that the client dials")
	})
	groups.group("Client", func(flags *pflag.FlagSet) {
		flags.String("client", string(bootstrap.Envoy), "`kind` of client: envoy, or grpc for a gRPC client without a proxy")
		flags.String("node-id", "", "`id` of this client (default: the host's name)")
		flags.String("node-cluster", "envoy", "`name` of the group of clients that this one belongs to")
	})
	groups.group("Envoy alone", func(flags *pflag.FlagSet) {
		flags.String("resources-dir", "", "`folder` to write SDS files into, as Envoy opens it: with them, new credentials need no restart of Envoy")
		flags.String("xds-protocol", string(bootstrap.DeltaADS), "`variant` of xDS: delta-ads or ads over one stream; delta or sotw over a stream each")
		flags.String("admin-address", "127.0.0.1", "`address` of Envoy's admin interface, which has no authentication")
		flags.Int("admin-port", 9901, "`port` of Envoy's admin interface")
		flags.String("rtds-layer", "", "`name` of a Runtime resource to take as a layer of Envoy's runtime")
	})
	groups.group("Settings", configFileFlag)
}

func loadBootstrapConfig(cmd *cobra.Command) (bootstrapConfig, error) {
	var cfg bootstrapConfig
	s, err := loadSettings(cmd)
	if err != nil {
		return cfg, err
	}
	if cfg.channel, err = s.channel(envoyChannel); err != nil {
		return cfg, err
	}
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	client, err := bootstrap.ParseClient(cfg.Client)
	if err != nil {
		return cfg, err
	}
	if err := s.checkClient(client); err != nil {
		return cfg, err
	}
	if err := s.secure(&cfg); err != nil {
		return cfg, err
	}
	cfg.serverNameGiven = s.origin("xds-server-name") != ""
	if cfg.NodeID == "" {
		if cfg.NodeID, err = os.Hostname(); err != nil {
			return cfg, fmt.Errorf("finding the host's name: %w; give --node-id", err)
		}
	}
	return cfg, nil
}

// writeBootstrap checks the credentials, and writes only when all is well.
func writeBootstrap(cfg bootstrapConfig, path string, out, logOut io.Writer) error {
	log := slog.New(slog.NewTextHandler(logOut, nil))
	if cfg.channel != nil && !cfg.SkipCheck {
		if _, err := credentials.Load(*cfg.channel, credentials.Client, time.Now(), log); err != nil {
			return cfg.explain(err)
		}
	}
	if cfg.channel == nil && !loopback(cfg.XDSAddress) {
		log.Warn("the client will take its configuration, and with it private keys, in plaintext",
			"xds", cfg.XDSAddress, "remedy", "leave --insecure out")
	}
	return cfg.write(path, out)
}
