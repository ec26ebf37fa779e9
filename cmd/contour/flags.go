package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlag names the configuration file. It is the one setting that a file
// can't give, and that every command shares.
const configFlag = "config"

// helpFlag is cobra's own, and no setting.
const helpFlag = "help"

// Annotations of flags.
const (
	groupAnnotation = "contour_group"
	envAnnotation   = "contour_env"
)

// flagGroups declares the settings of a command under headings, in order.
type flagGroups struct {
	cmd *cobra.Command
	// prefix begins the environment names: CONTOUR_ or ENVOY_.
	prefix string
}

// newFlagGroups declares --config and makes the command's help show groups and
// environment names.
func newFlagGroups(cmd *cobra.Command, prefix string) *flagGroups {
	cmd.Flags().SortFlags = false
	cmd.SetUsageFunc(groupedUsage)
	return &flagGroups{cmd: cmd, prefix: prefix}
}

// group begins a group, whose flags are those that declare declares.
func (g *flagGroups) group(title string, declare func(*pflag.FlagSet)) {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	flags.SortFlags = false
	declare(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		f.Annotations = map[string][]string{groupAnnotation: {title}, envAnnotation: {g.envName(f.Name)}}
	})
	g.cmd.Flags().AddFlagSet(flags)
}

// envName is the environment name of a setting. The configuration file is no
// part of an Envoy's description, and neither is the state folder: each is the same
// for every command.
func (g *flagGroups) envName(name string) string {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	switch {
	case strings.HasPrefix(upper, "CONTOUR_"), strings.HasPrefix(upper, "ENVOY_"):
		return upper
	case name == configFlag, name == stateFlag:
		return "CONTOUR_" + upper
	}
	return g.prefix + upper
}

func envName(f *pflag.Flag) string { return annotation(f, envAnnotation) }

func annotation(f *pflag.Flag, key string) string {
	if values := f.Annotations[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// groupedUsage prints the flags under their headings, each with its environment
// name.
func groupedUsage(cmd *cobra.Command) error {
	out := cmd.OutOrStderr()
	fmt.Fprintf(out, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(out, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\nCommands below %s:\n", cmd.CommandPath())
	}
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			fmt.Fprintf(out, "  %-10s %s\n", below.Name(), below.Short)
		}
	}
	titles, groups := groupFlags(cmd.Flags())
	for _, title := range titles {
		fmt.Fprintf(out, "\n%s:\n%s", title, groups[title].FlagUsagesWrapped(helpWidth))
	}
	return nil
}

// helpWidth is where help text wraps, in columns.
const helpWidth = 110

// groupFlags sorts flags into groups by title, in the order of declaration, each
// with its environment name in its usage. What has no title is cobra's own.
func groupFlags(flags *pflag.FlagSet) (titles []string, groups map[string]*pflag.FlagSet) {
	groups = make(map[string]*pflag.FlagSet)
	flags.VisitAll(func(f *pflag.Flag) {
		title := annotation(f, groupAnnotation)
		if title == "" {
			title = "Other"
		}
		if groups[title] == nil {
			titles = append(titles, title)
			groups[title] = pflag.NewFlagSet(title, pflag.ContinueOnError)
			groups[title].SortFlags = false
		}
		shown := *f
		if env := envName(f); env != "" {
			shown.Usage += " [" + env + "]"
		}
		groups[title].AddFlag(&shown)
	})
	return titles, groups
}
