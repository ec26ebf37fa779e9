package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
)

// The identities that contour certgen makes: the two sides of one channel.
const (
	serverIdentity = "contour"
	clientIdentity = "envoy"
)

// defaultServerNames fit what contour bootstrap has an Envoy demand, and a gRPC
// client on the same machine.
var defaultServerNames = []string{"DNS:" + bootstrap.DefaultServerName, "DNS:localhost", "IP:127.0.0.1"}

// certgenConfig is what contour certgen makes, unpacked.
type certgenConfig struct {
	authority      certgen.AuthorityConfig
	server, client certgen.Leaf
	output         outputConfig
	overwrite      bool
}

func newCertgen() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "certgen DIR",
		Short: "Make a CA, and certificates of it for contour and for Envoy",
		Long: "Make all that mutual TLS between contour serve and Envoy needs, in the folder DIR: a CA (DIR/ca), a\n" +
			"server certificate for contour (DIR/contour) and a client certificate for Envoy (DIR/envoy), each with\n" +
			"its key and the CA bundle beside it. Nothing that is there is overwritten; what is missing is made, so\n" +
			"that a run that was cut short can be run again. At the end it prints how to start both sides, so that\n" +
			"they take over what is renewed without a restart.\n\n" +
			"The key in DIR/ca signs certificates and belongs on neither side.",
		Example: "  contour certgen certificates\n" +
			"  contour certgen certificates --server-sans DNS:contour,DNS:xds.example,IP:192.0.2.1",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadCertgenConfig(cmd)
			if err != nil {
				return err
			}
			return makeAll(cfg, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("CA", func(flags *pflag.FlagSet) {
		authorityFlags(flags)
		keyTypeFlag(flags)
	})
	groups.group("Certificates", func(flags *pflag.FlagSet) {
		flags.StringSlice("server-sans", defaultServerNames, "`names` of contour: what clients demand of it, as DNS:name or IP:address, or URI:SPIFFE-ID")
		flags.StringSlice("client-sans", []string{"DNS:" + clientIdentity}, "`names` of Envoy, as DNS:name or URI:SPIFFE-ID")
		lifetimeFlag(flags)
		overwriteFlag(flags, "make a new CA and new certificates in place of those that are there, which are lost")
	})
	groups.group("Output", outputFlags)
	groups.group("Settings", configFileFlag)
	cmd.AddCommand(newCertgenLeaf(serverSide), newCertgenLeaf(clientSide), newCertgenRenew(), newCertgenRevoke(),
		newCertgenCA(), newCertgenSecrets(), newCertgenInspect())
	return cmd
}

func loadCertgenConfig(cmd *cobra.Command) (certgenConfig, error) {
	var cfg certgenConfig
	s, err := loadSettings(cmd)
	if err != nil {
		return cfg, err
	}
	if cfg.authority, err = s.authority(); err != nil {
		return cfg, err
	}
	if cfg.server, err = s.leaf(serverSide, "server-sans"); err != nil {
		return cfg, err
	}
	if cfg.client, err = s.leaf(clientSide, "client-sans"); err != nil {
		return cfg, err
	}
	if cfg.server.Lifetime > cfg.authority.Lifetime {
		return cfg, fmt.Errorf("--lifetime %s is longer than --ca-lifetime %s; give a shorter one, or the CA a longer one",
			certgen.FormatLifetime(cfg.server.Lifetime), certgen.FormatLifetime(cfg.authority.Lifetime))
	}
	if cfg.overwrite, err = s.overwrite(); err != nil {
		return cfg, err
	}
	cfg.output, err = s.output()
	return cfg, err
}

// makeAll makes what is missing, and says at the end how both sides are started.
func makeAll(cfg certgenConfig, dir string, out, errOut io.Writer) error {
	r := report{dir: dir, output: cfg.output, out: out, errOut: errOut}
	all := []string{authorityFolder, serverIdentity, clientIdentity}
	there := certgen.ReadFolder(dir).Exists
	made := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !cfg.overwrite && there(name) })
	if len(made) == 0 {
		return fmt.Errorf("%q has a CA and both certificates already; contour certgen renew %s issues them anew, and --overwrite makes all of it new, so that both sides need it at once", dir, dir)
	}
	if err := r.ready(slices.DeleteFunc(slices.Clone(made), func(name string) bool { return name == authorityFolder })); err != nil {
		return err
	}
	folder, err := certgen.MakeFolder(dir, time.Now)
	if err != nil {
		return err
	}
	defer closeAll(folder)
	if err := keepOthers(folder, r.words(), all, made); err != nil {
		return err
	}
	for _, name := range made {
		change, err := makeOne(folder, cfg, name)
		if err != nil {
			return err
		}
		r.add(change)
	}
	if err := r.print(folder, "made"); err != nil {
		return err
	}
	return r.printStart(folder)
}

// keepOthers says what is kept, and fails before anything is made when it is of no
// use.
func keepOthers(folder *certgen.Folder, out io.Writer, all, made []string) error {
	if slices.Contains(made, authorityFolder) && len(made) < len(all) {
		return fmt.Errorf("%q has certificates and not the CA that issued them; bring back the folder %q, or give --overwrite to make all of it new",
			folder.Path("", ""), folder.Path(authorityFolder, ""))
	}
	for _, name := range all {
		if slices.Contains(made, name) {
			continue
		}
		if name != authorityFolder {
			if _, err := folder.Identity(name); err != nil {
				return fmt.Errorf("keeping what is there: %w", err)
			}
		}
		fmt.Fprintf(out, "%s: kept as it is\n", folder.Path(name, ""))
	}
	return nil
}

func makeOne(folder *certgen.Folder, cfg certgenConfig, name string) (certgen.Change, error) {
	switch name {
	case serverIdentity:
		return folder.Issue(name, cfg.server, cfg.overwrite)
	case clientIdentity:
		return folder.Issue(name, cfg.client, cfg.overwrite)
	}
	return folder.MakeAuthority(cfg.authority, cfg.overwrite)
}

// withFolder runs do on a folder that is there.
func withFolder(dir string, do func(*certgen.Folder) error) (err error) {
	folder, err := certgen.OpenFolder(dir, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return do(folder)
}
