package main

import (
	"cmp"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
)

// certgenSide is a side of the channel as the command line knows it.
type certgenSide struct {
	name, short, example string
	usage                certgen.Usage
	names                []string
	help                 string
}

var (
	serverSide = certgenSide{
		name: "server", usage: certgen.ServerAuth, names: defaultServerNames,
		short:   "Issue a further server certificate, for a contour",
		example: "  contour certgen server certificates contour-2 --sans DNS:contour,DNS:contour-2.example",
		help:    "`names` that clients demand of it, as DNS:name or IP:address, or URI:SPIFFE-ID",
	}
	clientSide = certgenSide{
		name: "client", usage: certgen.ClientAuth,
		short:   "Issue a further client certificate, for an Envoy or a gRPC client",
		example: "  contour certgen client certificates envoy-edge",
		help:    "`names` of it, as DNS:name or URI:SPIFFE-ID (default: DNS: and NAME)",
	}
)

func newCertgenLeaf(side certgenSide) *cobra.Command {
	cmd := &cobra.Command{
		Use:   side.name + " DIR NAME",
		Short: side.short,
		Long: side.short + ", from the CA that\n" +
			"contour certgen DIR made, into the folder DIR/NAME: NAME.pem, NAME-key.pem and the CA bundle ca.pem.\n" +
			"During a rollover of the CA, it is issued by the CA that signs, and the bundle has both.",
		Example: side.example,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			output, err := s.output()
			if err != nil {
				return err
			}
			leaf, err := s.leaf(side, "sans", "DNS:"+args[1])
			if err != nil {
				return err
			}
			overwrite, err := s.overwrite()
			if err != nil {
				return err
			}
			r := report{dir: args[0], output: output, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr()}
			return issue(leaf, args[1], overwrite, r)
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("Certificate", func(flags *pflag.FlagSet) {
		flags.StringSlice("sans", side.names, side.help)
		lifetimeFlag(flags)
		keyTypeFlag(flags)
		overwriteFlag(flags, "issue it in place of one of that name, which is lost")
	})
	groups.group("Output", outputFlags)
	groups.group("Settings", configFileFlag)
	return cmd
}

func issue(leaf certgen.Leaf, name string, overwrite bool, r report) error {
	return withFolder(r.dir, func(folder *certgen.Folder) error {
		if overwrite || !folder.Exists(name) { // Issue says otherwise what is there
			if err := r.ready([]string{name}); err != nil {
				return err
			}
		}
		change, err := folder.Issue(name, leaf, overwrite)
		if err != nil {
			return err
		}
		r.add(change)
		return r.print(folder, "issued")
	})
}

func newCertgenSecrets() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets DIR [NAME...]",
		Short: "Print certificates as Secrets of Kubernetes",
		Long: "Print the certificates of the folder DIR, or those named, as Secrets in YAML: of the type\n" +
			"kubernetes.io/tls, with the CA bundle as ca.crt. They hold private keys, and nothing of the CA's.\n\n" +
			"Pipe them to kubectl create, and later to kubectl replace: kubectl apply would keep a copy of each key.",
		Example: "  contour certgen secrets certificates | kubectl create --filename=-",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			var output outputConfig
			if err := s.decode(&output); err != nil {
				return err
			}
			return printSecrets(output, args[0], args[1:], cmd.OutOrStdout())
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("Output", secretFlags)
	groups.group("Settings", configFileFlag)
	return cmd
}

func printSecrets(output outputConfig, dir string, names []string, out io.Writer) error {
	return withFolder(dir, func(folder *certgen.Folder) error {
		identities, err := folder.Chosen(names)
		if err != nil {
			return err
		}
		if err := cmp.Or(output.checkOut(), output.checkNames(namesOf(identities))); err != nil {
			return err
		}
		return output.write(identities, out)
	})
}
