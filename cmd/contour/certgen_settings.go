package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
)

// certgenPrefix begins the environment names of all commands below certgen: words
// such as LIFETIME would meet those of others.
const certgenPrefix = "CONTOUR_CERTGEN_"

func authorityFlags(flags *pflag.FlagSet) {
	flags.String("ca-name", certgen.DefaultAuthorityName, "common `name` of the CA, for people to read")
	flags.String("ca-lifetime", certgen.FormatLifetime(certgen.DefaultAuthorityLifetime), "`time` that the CA lives, such as 3650d: replacing it takes three rounds")
}

func keyTypeFlag(flags *pflag.FlagSet) {
	flags.String("key-type", string(certgen.ECDSA), "`kind` of the keys: ecdsa (P-256), ed25519 or rsa (3072 bits)")
}

func lifetimeFlag(flags *pflag.FlagSet) {
	flags.String("lifetime", certgen.FormatLifetime(certgen.DefaultLifetime),
		"`time` that a certificate lives, such as 90d, 36h or 15m")
}

func overwriteFlag(flags *pflag.FlagSet, usage string) { flags.Bool("overwrite", false, usage) }

func (s *settings) overwrite() (bool, error) {
	var cfg struct {
		Overwrite bool `mapstructure:"overwrite"`
	}
	err := s.decode(&cfg)
	return cfg.Overwrite, err
}

// authority unpacks the settings of a CA.
func (s *settings) authority() (certgen.AuthorityConfig, error) {
	cfg := certgen.AuthorityConfig{Name: fmt.Sprint(s.value("ca-name"))}
	var err error
	if cfg.Lifetime, err = certgen.ParseLifetime(fmt.Sprint(s.value("ca-lifetime"))); err != nil {
		return cfg, s.about("ca-lifetime", err)
	}
	if cfg.Key, err = certgen.ParseKeyKind(fmt.Sprint(s.value("key-type"))); err != nil {
		return cfg, s.about("key-type", err)
	}
	return cfg, nil
}

// leaf unpacks the settings of a certificate whose names are in the setting sans, or
// are otherwise where that has none.
func (s *settings) leaf(side certgenSide, sans string, otherwise ...string) (certgen.Leaf, error) {
	leaf := certgen.Leaf{Usage: side.usage}
	names := s.list(sans)
	if len(names) == 0 {
		names = otherwise
	}
	var err error
	if leaf.Names, err = certgen.ParseNames(names); err != nil {
		return leaf, s.about(sans, err)
	}
	if leaf.Lifetime, err = certgen.ParseLifetime(fmt.Sprint(s.value("lifetime"))); err != nil {
		return leaf, s.about("lifetime", err)
	}
	if leaf.Key, err = certgen.ParseKeyKind(fmt.Sprint(s.value("key-type"))); err != nil {
		return leaf, s.about("key-type", err)
	}
	return leaf, nil
}

// about says which setting an error is about, and where it was given.
func (s *settings) about(name string, err error) error {
	origin := s.origin(name)
	if origin == "" {
		origin = "--" + name
	}
	return fmt.Errorf("%s: %w", origin, err)
}

// list is a setting that is a list, as each layer has it.
func (s *settings) list(name string) []string {
	var list []string
	switch value := s.value(name).(type) {
	case string:
		list = strings.Split(value, ",")
	case []string:
		list = value
	case []any:
		for _, item := range value {
			list = append(list, fmt.Sprint(item))
		}
	}
	return list
}

// outputConfig is the settings that say in what form certificates are handed out.
type outputConfig struct {
	Format     string `mapstructure:"format"`
	Out        string `mapstructure:"out"`
	Namespace  string `mapstructure:"namespace"`
	SecretName string `mapstructure:"secret-name"`
	// OverwriteOut is about Out alone, so that it costs no key.
	OverwriteOut bool `mapstructure:"overwrite-out"`
}

// The forms of output.
const (
	formatPEM        = "pem"
	formatKubernetes = "kubernetes"
)

func outputFlags(flags *pflag.FlagSet) {
	flags.String("format", formatPEM, "`form` of the output: pem for files in DIR alone, kubernetes for Secrets in YAML as well")
	secretFlags(flags)
}

func secretFlags(flags *pflag.FlagSet) {
	flags.String("out", "", "`file` that the Secrets are written to, for the owner alone (default: standard output)")
	flags.String("namespace", "contour", "`name` of the namespace of the Secrets")
	flags.String("secret-name", "NAME-channel", "`name` of each Secret; NAME in it stands for the name of the certificate's folder")
	flags.Bool("overwrite-out", false, "write over the file of --out if it is there already")
}

// output unpacks the settings of the output, and refuses those without effect. Whether
// the Secrets can be handed out is for [report.ready] to say.
func (s *settings) output() (outputConfig, error) {
	var cfg outputConfig
	if err := s.decode(&cfg); err != nil {
		return cfg, err
	}
	if err := cfg.checkFormat(); err != nil {
		return cfg, s.about("format", err)
	}
	if cfg.Format == formatKubernetes {
		return cfg, nil
	}
	for _, name := range []string{"out", "overwrite-out", "namespace", "secret-name"} {
		if s.layer(name) == byFlag { // elsewhere it may be meant for other commands
			return cfg, s.about(name, errors.New("it is about Secrets; give --format kubernetes as well"))
		}
	}
	return cfg, nil
}

func (c outputConfig) checkFormat() error {
	if c.Format != formatPEM && c.Format != formatKubernetes {
		return fmt.Errorf("%q is no form of output; give %s or %s", c.Format, formatPEM, formatKubernetes)
	}
	return nil
}
