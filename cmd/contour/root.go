package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// newRoot returns the whole command line. Nothing of it is shared between calls.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "contour",
		Short: "An xDS management server that feeds Envoy over mutual TLS",
		Long: "Contour serves configuration, and with it the keys of the certificates that Envoy serves,\n" +
			"over a channel on which both sides prove who they are.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true, // an error is one line, not a page
		SilenceErrors: true, // main prints it
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newServe(), newBootstrap(), newValidate(), newVersion())
	return root
}

// settings are the layered settings of one run of one command: a flag beats the
// environment, which beats the configuration file, which beats the default. This
// file is the only one that uses viper.
type settings struct {
	flags *pflag.FlagSet
	viper *viper.Viper
	// section is the command's part of the configuration file; empty without one.
	section map[string]any
	// where is how an error names a key of the section.
	where string
}

// keySeparator is viper's; it can't be part of a setting's name.
const keySeparator = "::"

// loadSettings layers the settings of cmd and checks that each has a value of its
// type, and one at all.
func loadSettings(cmd *cobra.Command) (*settings, error) {
	s := &settings{flags: cmd.Flags(), viper: viper.NewWithOptions(viper.KeyDelimiter(keySeparator))}
	s.viper.AllowEmptyEnv(true) // given but empty is an error, so it must be seen
	var bindErr error
	s.visit(func(f *pflag.Flag) {
		bindErr = errors.Join(bindErr, s.viper.BindPFlag(f.Name, f), s.viper.BindEnv(f.Name, envName(f)))
	})
	if bindErr != nil {
		return nil, bindErr
	}
	if err := s.check(configFlag); err != nil {
		return nil, err
	}
	if path := s.viper.GetString(configFlag); path != "" {
		if err := s.readFile(cmd, path); err != nil {
			return nil, err
		}
	}
	var checkErr error
	s.visit(func(f *pflag.Flag) {
		if checkErr == nil {
			checkErr = s.check(f.Name)
		}
	})
	return s, checkErr
}

// decode puts the settings into the fields of into that are tagged with their
// names.
func (s *settings) decode(into any) error {
	return s.viper.Unmarshal(into, viper.DecodeHook(mapstructure.DecodeHookFuncType(splitList)))
}

// readFile takes the section of cmd out of the configuration file. The other
// commands' sections are theirs, but a key that no command knows is an error
// wherever it stands.
func (s *settings) readFile(cmd *cobra.Command, path string) error {
	file := viper.NewWithOptions(viper.KeyDelimiter(keySeparator))
	file.SetConfigFile(path)
	if filepath.Ext(path) == "" {
		file.SetConfigType("yaml")
	}
	if err := file.ReadInConfig(); err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return fmt.Errorf("reading configuration file %q (from %s): %w", path, s.origin(configFlag), err)
	}
	for _, key := range file.AllKeys() {
		if err := checkKey(cmd.Root(), key, file.Get(key)); err != nil {
			return fmt.Errorf("configuration file %q: %w", path, err)
		}
	}
	s.where = fmt.Sprintf("key %s.%%s of configuration file %q", cmd.Name(), path)
	s.section, _ = file.Get(cmd.Name()).(map[string]any)
	return s.viper.MergeConfigMap(s.section)
}

// checkKey accepts a section's setting, and a section with nothing in it.
func checkKey(root *cobra.Command, key string, value any) error {
	section, name, inSection := strings.Cut(key, keySeparator)
	var sections []string
	for _, cmd := range root.Commands() {
		if cmd.Flags().Lookup(configFlag) == nil {
			continue
		}
		sections = append(sections, cmd.Name()+":")
		if cmd.Name() != section {
			continue
		}
		switch {
		case !inSection && value == nil:
			return nil
		case !inSection:
			return fmt.Errorf("%s: must hold settings, each by its flag's name without the dashes", section)
		case name != configFlag && cmd.Flags().Lookup(name) != nil && name != helpFlag:
			return nil
		}
		return fmt.Errorf("unknown key %q in section %s: the keys are the flags of contour %s --help, without the dashes", name, section, section)
	}
	slices.Sort(sections)
	return fmt.Errorf("unknown key %q: the file has a section for each command (%s), with the settings inside", section, strings.Join(sections, ", "))
}

// value is the layered value of a setting, as its layer has it.
func (s *settings) value(name string) any { return s.viper.Get(name) }

// inFile tells whether the configuration file gives name, be it without a value.
func (s *settings) inFile(name string) bool {
	_, ok := s.section[name]
	return ok
}
