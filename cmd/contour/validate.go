package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/resources"
)

// validateConfig is the settings of contour validate.
type validateConfig struct {
	ExternalClusters []string `mapstructure:"external-clusters"`
	Policy           string   `mapstructure:"access-policy"`
}

func newValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate DIR",
		Short: "Check a folder of resources as contour serve would",
		Long: "Check a folder of resources exactly as contour serve does before it serves them, and print every\n" +
			"error found. The exit status is 1 when there is one, for use in a pipeline. A warning, such as of a\n" +
			"certificate that has expired, changes nothing about it. Without an error, a line says what every Envoy\n" +
			"gets, and one for each group what its Envoys get, what every Envoy gets included. A secret that nothing\n" +
			"refers to is told apart, and warned of, since only a rule of an access policy brings it to an Envoy.\n" +
			"With --access-policy, the policy is checked as well, and what it names compared with the folder: a\n" +
			"warning says which secrets and groups are not there.",
		Example: "  contour validate examples/resources\n" +
			"  contour validate examples/resources --access-policy policy.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			var cfg validateConfig
			if err := s.decode(&cfg); err != nil {
				return err
			}
			return validate(cfg, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	groups := newFlagGroups(cmd, "CONTOUR_")
	groups.group("Access", policyFileFlag)
	groups.group("Resources", externalClustersFlag)
	groups.group("Settings", configFileFlag)
	return cmd
}

func externalClustersFlag(flags *pflag.FlagSet) {
	flags.StringSlice("external-clusters", nil,
		"`names` of clusters that an Envoy knows from its own start, so that resources may refer to them, separated by commas")
}

func configFileFlag(flags *pflag.FlagSet) {
	flags.String(configFlag, "", "`file` with settings (YAML, JSON or TOML), a section for each command")
}

// validate prints one finding a line, in the form that editors and pipelines know
// from compilers, and sums up by its error or by what there is.
func validate(cfg validateConfig, dir string, out, errOut io.Writer) error {
	rules, err := validatePolicy(cfg.Policy, out, errOut)
	return errors.Join(err, validateFolder(cfg, dir, rules, out, errOut))
}

func validateFolder(cfg validateConfig, dir string, rules []identity.Rule, out, errOut io.Writer) error {
	snapshots, err := resources.Read(resources.Config{Dir: dir, ExternalClusters: cfg.ExternalClusters})
	var findings resources.Errors
	if errors.As(err, &findings) {
		for _, finding := range findings {
			if _, err := fmt.Fprintln(errOut, finding); err != nil {
				return err
			}
		}
		return fmt.Errorf("%s is not valid: %d found wrong", dir, len(findings))
	}
	if err != nil {
		return err
	}
	if err := warn(cfg.Policy, rules, snapshots, errOut); err != nil {
		return err
	}
	return summarize(snapshots, dir, out)
}

// warn says what is served and may not be what is meant, and what is served to nobody.
func warn(policy string, rules []identity.Rule, snapshots *resources.Snapshots, errOut io.Writer) error {
	warnings := snapshots.Warnings()
	for _, secret := range snapshots.Unreferred() {
		if !granted(rules, secret) {
			warnings = append(warnings, secret.Finding)
		}
	}
	for _, warning := range warnings {
		warning.Problem = "warning: " + warning.Problem
		if _, err := fmt.Fprintln(errOut, warning); err != nil {
			return err
		}
	}
	for _, warning := range unmatched(rules, snapshots) {
		if _, err := fmt.Fprintf(errOut, "%s: %s\n", policy, warning); err != nil {
			return err
		}
	}
	return nil
}

// summarize says what the Envoys of no group get, and those of each group.
func summarize(snapshots *resources.Snapshots, dir string, out io.Writer) error {
	if _, err := fmt.Fprintf(out, "%s is valid: %s\n", dir, contents(snapshots.For(""))); err != nil {
		return err
	}
	for _, group := range snapshots.Groups() {
		if _, err := fmt.Fprintf(out, "%s, group %q: %s\n", dir, group, contents(snapshots.For(group))); err != nil {
			return err
		}
	}
	return nil
}

// contents says how many resources of each type an Envoy gets, and how many secrets there
// are besides, which it gets only where an access policy grants them.
func contents(snapshot *resources.Snapshot) string {
	referred := len(snapshot.Secrets())
	said := counts(func(typeURL string) int {
		if typeURL == resources.SecretURL {
			return referred
		}
		return len(snapshot.Resources(typeURL))
	})
	if withheld := len(snapshot.Resources(resources.SecretURL)) - referred; withheld > 0 {
		said += ", and " + plural(withheld, "secret") + " that nothing refers to"
	}
	return said
}

// counts says how many resources of each type there are.
func counts(number func(typeURL string) int) string {
	var parts []string
	for _, t := range resources.Types() {
		if n := number(t.URL); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", t.Label, n))
		}
	}
	if len(parts) == 0 {
		return "no resources"
	}
	return strings.Join(parts, ", ")
}
