package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
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
	root.AddCommand(newServe(), newBootstrap(), newValidate(), newStatus(), newCertgen(), newVersion())
	completeValues(root)
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
	// command and file are how an error names a key of the section.
	command, file string
}

// keySeparator is viper's; it can't be part of a setting's name.
const keySeparator = "::"

// loadSettings layers the settings of cmd and checks that each has a value of its
// type, and one at all.
func loadSettings(cmd *cobra.Command) (*settings, error) {
	s := &settings{command: sectionName(cmd), flags: cmd.Flags(), viper: viper.NewWithOptions(viper.KeyDelimiter(keySeparator))}
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
	hooks := mapstructure.ComposeDecodeHookFunc(mapstructure.DecodeHookFuncType(splitList),
		mapstructure.DecodeHookFuncType(decimal), mapstructure.StringToTimeDurationHookFunc())
	return s.viper.Unmarshal(into, viper.DecodeHook(hooks))
}

// readFile takes the section of cmd out of the configuration file. The other
// commands' sections are theirs, but a key that no command knows is an error
// wherever it stands.
func (s *settings) readFile(cmd *cobra.Command, path string) error {
	sections, err := decodeFile(path)
	if err != nil {
		return fmt.Errorf("reading configuration file %q (from %s): %w", path, s.origin(configFlag), err)
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		if err := checkSection(cmd.Root(), name, sections[name]); err != nil {
			return fmt.Errorf("configuration file %q: %w", path, err)
		}
	}
	s.file = path
	s.section, _ = sections[s.command].(map[string]any)
	return s.viper.MergeConfigMap(s.section)
}

// decodeFile decodes by viper's codecs, and not by its ReadInConfig: that drops
// keys without a value, which are errors here.
func decodeFile(path string) (map[string]any, error) {
	format := strings.TrimPrefix(filepath.Ext(path), ".")
	switch format {
	case "":
		format = "yaml"
	case "yaml", "yml", "json", "toml":
	default:
		return nil, errors.New("its name must end in .yaml, .yml, .json or .toml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, err
	}
	if strings.HasPrefix(format, "y") && secondDocument.Match(data) {
		return nil, errors.New("it holds a second YAML document; put all settings into one")
	}
	decoder, err := viper.NewCodecRegistry().Decoder(format)
	if err != nil {
		return nil, err
	}
	sections := make(map[string]any)
	return sections, decoder.Decode(data, sections)
}

// value is the layered value of a setting, as its layer has it.
func (s *settings) value(name string) any {
	if s.layer(name) == byFile {
		return s.section[name] // viper gives a key without a value its default
	}
	return s.viper.Get(name)
}

// inFile tells whether the configuration file gives name, be it without a value.
func (s *settings) inFile(name string) bool {
	_, ok := s.section[name]
	return ok
}
