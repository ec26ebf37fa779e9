package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/inspect"
)

// The forms in which contour certgen inspect prints.
const (
	outputText = "text"
	outputJSON = "json"
)

// inspectConfig is the settings of contour certgen inspect.
type inspectConfig struct {
	CA         string `mapstructure:"ca"`
	Cert       string `mapstructure:"cert"`
	Key        string `mapstructure:"key"`
	ServerName string `mapstructure:"server-name"`
	Output     string `mapstructure:"output"`
}

func newCertgenInspect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect [PATH...]",
		Short: "Explain credential files and revocation lists, and what each side would say of them",
		Long: "Explain credential files, whoever made them: chains, names, usages, when they end, whether they fit\n" +
			"together, what contour serve or contour bootstrap would say of them, and what the peer would. Each PATH is\n" +
			"a file, or a folder, in which all is inspected, folder by folder. Which file is what is found out, unless\n" +
			"--ca, --cert and --key tell. Of a private key nothing is shown but its kind.\n\n" +
			"The exit status is 1 when anything would be refused, for use in a pipeline; a warning changes nothing.",
		Example: "  contour certgen inspect certificates\n" +
			"  contour certgen inspect --ca ca.pem --cert contour.pem --key contour-key.pem",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			var cfg inspectConfig
			if err := s.decode(&cfg); err != nil {
				return err
			}
			if err := cfg.checkOutput(); err != nil {
				return s.about("output", err)
			}
			return explain(cfg, args, time.Now(), cmd.OutOrStdout())
		},
	}
	groups := newFlagGroups(cmd, certgenPrefix)
	groups.group("Files", func(flags *pflag.FlagSet) {
		flags.String("ca", "", "`file` with the CA bundle")
		flags.String("cert", "", "`file` with the certificate chain")
		flags.String("key", "", "`file` with the private key")
	})
	groups.group("Inspection", func(flags *pflag.FlagSet) {
		flags.String("server-name", bootstrap.DefaultServerName, "`name` that Envoys demand of a server (contour bootstrap --xds-server-name)")
		flags.String("output", outputText, "`form` of the output: text or json")
	})
	groups.group("Settings", configFileFlag)
	return cmd
}

func (c inspectConfig) checkOutput() error {
	if c.Output != outputText && c.Output != outputJSON {
		return fmt.Errorf("%q is no form of output; give %s or %s", c.Output, outputText, outputJSON)
	}
	return nil
}

// explain prints what there is, and sums up by its error.
func explain(cfg inspectConfig, paths []string, now time.Time, out io.Writer) error {
	groups, err := inspect.Explain(inspect.Config{
		CA: cfg.CA, Cert: cfg.Cert, Key: cfg.Key, Paths: paths, ServerName: cfg.ServerName, Now: now,
	})
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		return errors.New("there is nothing to inspect: give files or folders, or --ca, --cert and --key")
	}
	if cfg.Output == outputJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(groups); err != nil {
			return err
		}
	} else {
		printGroups(out, groups, now)
	}
	refused := 0
	for _, group := range groups {
		for _, verdict := range group.Verdicts {
			if !verdict.Accepts {
				refused++
			}
		}
	}
	if refused > 0 {
		return fmt.Errorf("inspecting: %d of the verdicts above refuse these files", refused)
	}
	return nil
}

func printGroups(out io.Writer, groups []inspect.Group, now time.Time) {
	for i, group := range groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		for _, file := range group.Files {
			printFile(out, file, now)
		}
		for _, verdict := range group.Verdicts {
			word := "accepts these files"
			if !verdict.Accepts {
				word = "REFUSES these files"
			}
			fmt.Fprintf(out, "%s: %s\n", verdict.Who, word)
			for _, line := range verdict.Says {
				fmt.Fprintf(out, "  %s\n", line)
			}
		}
	}
}

func printFile(out io.Writer, file inspect.File, now time.Time) {
	fmt.Fprintf(out, "%s\n", file.Path)
	if file.Problem != "" {
		fmt.Fprintf(out, "  %s\n", file.Problem)
	}
	for i, cert := range file.Certificates {
		kind := "certificate"
		if cert.CA {
			kind = "CA certificate"
		}
		fmt.Fprintf(out, "  %s %d: %s\n", kind, i+1, cert.Subject)
		printField(out, "issuer", cert.Issuer)
		printField(out, "names", strings.Join(cert.Names, ", "))
		printField(out, "usages", strings.Join(cert.Usages, ", "))
		printField(out, "serial", cert.Serial)
		printField(out, "begins", cert.NotBefore.Format(time.RFC3339))
		printField(out, "ends", cert.NotAfter.Format(time.RFC3339)+", "+inWords(cert.NotAfter.Sub(now)))
		printField(out, "key", cert.Key)
		printField(out, "SHA-256", cert.Fingerprint)
	}
	for i, list := range file.Lists {
		fmt.Fprintf(out, "  revocation list %d\n", i+1)
		printField(out, "issuer", list.Issuer)
		printField(out, "number", list.Number)
		printField(out, "revoked", strconv.Itoa(list.Revoked))
		printField(out, "begins", list.ThisUpdate.Format(time.RFC3339))
		printField(out, "ends", list.NextUpdate.Format(time.RFC3339)+", "+inWords(list.NextUpdate.Sub(now)))
	}
	if file.PrivateKey != "" {
		fmt.Fprintf(out, "  private key: %s\n", file.PrivateKey)
	}
}

func printField(out io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(out, "    %-8s %s\n", name, value)
	}
}

// inWords is the time until something, or since.
func inWords(left time.Duration) string {
	if left < 0 {
		return certgen.FormatLifetime(-left) + " ago"
	}
	return "in " + certgen.FormatLifetime(left)
}
