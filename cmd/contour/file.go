package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// secondDocument finds a line that begins another YAML document after content.
var secondDocument = regexp.MustCompile(`(?m)^[^#\s-].*\n(?s:.*\n)?---(\s|$)`)

// checkSection accepts a section of the configuration file whose keys its command
// knows, and one with nothing in it.
func checkSection(root *cobra.Command, name string, section any) error {
	commands := commandsWithSettings(root)
	cmd, known := commands[name]
	if !known {
		return fmt.Errorf("unknown key %q: the file has a section for each command (%s), with the settings inside",
			shown(name), strings.Join(titles(commands), ", "))
	}
	keys, isMapping := section.(map[string]any)
	if section != nil && !isMapping {
		return fmt.Errorf("%s: must hold settings, each by its flag's name without the dashes", name)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if key == configFlag || key == helpFlag || cmd.Flags().Lookup(key) == nil {
			return fmt.Errorf("unknown key %q in section %s: the keys are the flags of contour %s --help, without the dashes",
				shown(key), name, strings.TrimPrefix(cmd.CommandPath(), root.Name()+" "))
		}
	}
	return nil
}

// commandsWithSettings are the commands that take --config, by the names of their
// sections.
func commandsWithSettings(root *cobra.Command) map[string]*cobra.Command {
	commands := make(map[string]*cobra.Command)
	for _, cmd := range root.Commands() {
		if cmd.Flags().Lookup(configFlag) != nil {
			commands[sectionName(cmd)] = cmd
		}
		maps.Copy(commands, commandsWithSettings(cmd))
	}
	return commands
}

// sectionName is what the section of a command is called in the configuration file:
// its name, with those of the commands above it before it, as in certgen-renew.
func sectionName(cmd *cobra.Command) string {
	words := strings.Fields(cmd.CommandPath())
	return strings.Join(words[1:], "-")
}

func titles(commands map[string]*cobra.Command) []string {
	var names []string
	for name := range commands {
		names = append(names, name+":")
	}
	slices.Sort(names)
	return names
}
