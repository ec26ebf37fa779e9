package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
)

// choices are the values of the settings that take one of a few words, in the
// order in which the help lists them.
var choices = map[string][]cobra.Completion{
	providerFlag:   {providerFile, providerWatch, providerGenerated},
	"client":       {string(bootstrap.Envoy), string(bootstrap.GRPC)},
	"xds-protocol": {string(bootstrap.DeltaADS), string(bootstrap.ADS), string(bootstrap.Delta), string(bootstrap.SotW)},
	"log-level":    {"debug", "info", "warn", "error"},
	"log-format":   {"text", "json"},
	"key-type":     {string(certgen.ECDSA), string(certgen.Ed25519), string(certgen.RSA)},
	"format":       {formatPEM, formatKubernetes},
	"reason":       certgen.ReasonNames(),
	"output":       {outputText, outputJSON},
}

// completeValues lets a shell complete the values of flags and the arguments of
// commands: `contour completion` prints the script that does. Without it a shell
// would offer files for everything.
func completeValues(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		completeValues(cmd)
		cmd.ValidArgsFunction = argumentsOf(cmd)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			// It fails for a flag of another command, or one that is registered already.
			if err := cmd.RegisterFlagCompletionFunc(f.Name, valuesOf(f)); err != nil {
				panic(err)
			}
		})
	}
}

// argumentsOf completes what stands behind the name of a command.
func argumentsOf(cmd *cobra.Command) cobra.CompletionFunc {
	directive := cobra.ShellCompDirectiveNoFileComp
	switch cmd.Name() {
	case "validate", "certgen", "server", "client", "renew", "revoke", "rotate", "secrets":
		directive = cobra.ShellCompDirectiveFilterDirs
	case "bootstrap", "inspect":
		directive = cobra.ShellCompDirectiveDefault
	}
	several := cmd.Name() == "inspect"
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !several {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, directive
	}
}

// valuesOf completes the value of a flag by what its help says that it takes.
func valuesOf(f *pflag.Flag) cobra.CompletionFunc {
	if words, ok := choices[f.Name]; ok {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
	}
	switch takes, _ := pflag.UnquoteUsage(f); takes {
	case "file":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	case "folder":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return cobra.NoFileCompletions
}
