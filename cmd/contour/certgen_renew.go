package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
)

func newCertgenRenew() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "renew DIR [NAME...]",
		Short: "Issue certificates anew, as they are, from the kept CA",
		Long: "Issue the certificates of the folder DIR anew, or those named, with the same names, usage, lifetime and\n" +
			"kind of key, and a new key. The files of each change together, by one rename, so that no reader finds a\n" +
			"certificate beside another one's key; a run that was cut short can be run again.\n\n" +
			"Where contour certgen revoke made revocation lists, they are signed anew, for as long as before: with all\n" +
			"certificates, and otherwise when less than a third of their life is left.",
		Example: "  contour certgen renew certificates\n" +
			"  contour certgen renew certificates --due",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			output, err := s.output()
			if err != nil {
				return err
			}
			var due struct {
				Only bool `mapstructure:"due"`
			}
			if err := s.decode(&due); err != nil {
				return err
			}
			r := report{dir: args[0], output: output, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr()}
			return renew(certgen.RenewConfig{Names: args[1:], DueOnly: due.Only}, r)
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("Certificates", func(flags *pflag.FlagSet) {
		flags.Bool("due", false, "pass over certificates of which more than a third of their life is left, as a daily job should")
	})
	groups.group("Output", outputFlags)
	groups.group("Settings", configFileFlag)
	return cmd
}

func renew(cfg certgen.RenewConfig, r report) error {
	return withFolder(r.dir, func(folder *certgen.Folder) error {
		if err := r.readyFor(folder, cfg.Names); err != nil {
			return err
		}
		changes, err := folder.Renew(cfg)
		r.add(changes...)
		if err != nil && len(changes) == 0 {
			return err
		}
		return errors.Join(r.print(folder, "renewed"), err)
	})
}
