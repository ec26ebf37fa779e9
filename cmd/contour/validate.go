package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/resources"
)

// validateConfig is the settings of contour validate.
type validateConfig struct {
	ExternalClusters []string `mapstructure:"external-clusters"`
}

func newValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate DIR",
		Short: "Check a folder of resources as contour serve would",
		Long: "Check a folder of resources exactly as contour serve does before it serves them, and print every\n" +
			"error found. The exit status is 1 when there is one, for use in a pipeline.",
		Example: "  contour validate examples/resources",
		Args:    cobra.ExactArgs(1),
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
// from compilers, and sums up by its error.
func validate(cfg validateConfig, dir string, out, errOut io.Writer) error {
	snapshot, err := resources.Read(resources.Config{Dir: dir, ExternalClusters: cfg.ExternalClusters})
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
	_, err = fmt.Fprintf(out, "%s is valid: %s\n", dir, counts(snapshot))
	return err
}

// counts says how many resources of each type there are.
func counts(snapshot *resources.Snapshot) string {
	var parts []string
	for _, t := range resources.Types() {
		if n := len(snapshot.Resources(t.URL)); n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", t.Label, n))
		}
	}
	if len(parts) == 0 {
		return "no resources"
	}
	return strings.Join(parts, ", ")
}
