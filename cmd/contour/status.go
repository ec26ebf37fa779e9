package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/fleet"
)

// defaultStatusAddress is the xDS port of a contour of this machine.
const defaultStatusAddress = "127.0.0.1:8001"

// statusChannel are the settings of the caller's own three files.
var statusChannel = channelFlags{"cafile", "mtls-cert", "mtls-key"}

// statusConfig is the settings of contour status.
type statusConfig struct {
	// Addresses are those of the servers.
	Addresses []string
	// channel is the caller's files; nil means those of an operator, by the CA in From.
	channel    *credentials.FileSet
	From       string `mapstructure:"from"`
	ServerName string `mapstructure:"xds-server-name"`
	Output     string `mapstructure:"output"`
}

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [HOST:PORT...]",
		Short: "Show which Envoys are connected, and what each of them has accepted",
		Long: "Ask the xDS port of each contour, HOST:PORT, by default " + defaultStatusAddress + ", which clients it has: who each is\n" +
			"by its certificate, where it is, whether it has accepted the newest configuration, what it refused and why,\n" +
			"when its certificate ends, and on which CA its connection stands. Trouble is on top. No configuration is\n" +
			"shown, and none is sent.\n\n" +
			"Only an operator may see that, or who has a rule of the access policy with status: true. Without\n" +
			"certificates of your own, one of an operator is issued for the call, by the CA in --from, and kept nowhere.\n\n" +
			"The exit status is 0 unless a server could not be asked; it says nothing of what was found.",
		Example: "  contour status\n" +
			"  contour status contour-0:8001 contour-1:8001 --from certificates\n" +
			"  contour status contour:8001 --cafile ca.pem --mtls-cert monitor.pem --mtls-key monitor-key.pem --output json",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadStatusConfig(cmd, args)
			if err != nil {
				return err
			}
			return showStatus(cmd.Context(), cfg, time.Now(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	groups := newFlagGroups(cmd, "CONTOUR_STATUS_")
	groups.group("Secure channel", func(flags *pflag.FlagSet) {
		flags.String("from", "", "`folder` of contour certgen, or state folder of contour serve, whose CA issues an operator's certificate for this call (default: that of contour serve on this machine)")
		flags.String(statusChannel.ca, "", "`file` with the CA bundle that verifies the certificates of contour, PEM; with the next two, in place of --from")
		flags.String(statusChannel.cert, "", "`file` with the certificate chain of somebody who may see the fleet, PEM")
		flags.String(statusChannel.key, "", "`file` with the private key of that certificate, PEM")
		flags.String("xds-server-name", "", "`name` that the certificates of these contours bear (default: the host, where a certificate in --from bears it, or else the first name of one; contour with files of your own)")
	})
	groups.group("Output", func(flags *pflag.FlagSet) {
		flags.String("output", outputText, "`form` of the output: text or json")
	})
	groups.group("Settings", configFileFlag)
	return cmd
}

func loadStatusConfig(cmd *cobra.Command, args []string) (statusConfig, error) {
	var cfg statusConfig
	s, err := loadSettings(cmd)
	if err != nil {
		return cfg, err
	}
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	if err := (inspectConfig{Output: cfg.Output}).checkOutput(); err != nil {
		return cfg, s.about("output", err)
	}
	if cfg.Addresses, err = statusAddresses(args); err != nil {
		return cfg, err
	}
	if cfg.channel, err = s.channel(statusChannel); err != nil {
		return cfg, err
	}
	switch {
	case cfg.channel != nil && s.layer("from") == byFlag: // elsewhere it may be meant for other calls
		return cfg, s.about("from", errors.New("the three files are given as well; leave one or the other out"))
	case cfg.channel == nil && cfg.From == "":
		cfg.From, err = thisUser().stateDir()
	}
	return cfg, err
}

// statusAddresses are those that are given, with commas or without.
func statusAddresses(args []string) ([]string, error) {
	var addresses []string
	for _, arg := range args {
		for address := range strings.SplitSeq(arg, ",") {
			if err := checkAddress(address); err != nil {
				return nil, err
			}
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		addresses = []string{defaultStatusAddress}
	}
	return addresses, nil
}

// showStatus asks each server, shows what those say that answer, and fails if any does
// not.
func showStatus(ctx context.Context, cfg statusConfig, now time.Time, out, logOut io.Writer) error {
	caller, err := newStatusCaller(cfg, now, slog.New(slog.NewTextHandler(logOut, nil)))
	if err != nil {
		return err
	}
	var found statusReport
	var failed []error
	for _, address := range cfg.Addresses {
		clients, err := fleet.Call{Address: address, TLS: caller.tls(address)}.Do(ctx)
		if err != nil {
			// Its words can be those of a stranger's certificate.
			err = fmt.Errorf("asking %s: %s", address, printable(err.Error()))
			failed = append(failed, err)
		}
		found.add(address, clients, err)
	}
	found.conclude()
	if cfg.Output == outputJSON {
		err = found.writeJSON(out)
	} else if len(failed) < len(cfg.Addresses) {
		err = found.writeText(out, now)
	}
	return errors.Join(append(failed, err)...)
}
