package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/access"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/revocation"
)

// Flags of who may have what.
const (
	policyFlag      = "access-policy"
	crlFlag         = "contour-crlfile"
	unavailableFlag = "contour-crl-unavailable"
)

// accessConfig is the settings of who may have what. Both files are optional.
type accessConfig struct {
	Policy      string `mapstructure:"access-policy"`
	CRL         string `mapstructure:"contour-crlfile"`
	Unavailable string `mapstructure:"contour-crl-unavailable"`
}

func accessFlags(flags *pflag.FlagSet) {
	policyFileFlag(flags)
	flags.String(crlFlag, "", "`file` with certificate revocation lists of the CAs that issue Envoys' certificates, PEM; followed live")
	flags.String(unavailableFlag, revocation.Refuse.String(),
		"`choice` for a client of which no current list says whether it was revoked: refuse keeps it out, warn lets it in and logs it")
}

func policyFileFlag(flags *pflag.FlagSet) {
	flags.String(policyFlag, "", "`file` that says which identities may join which groups, YAML; followed live (default: any client that the CA bundle verifies may join any group)")
}

// check refuses what plaintext could not keep, and choices that are none.
func (c accessConfig) check(plaintext bool) error {
	if plaintext {
		for flag, value := range map[string]string{policyFlag: c.Policy, crlFlag: c.CRL} {
			if value != "" {
				return fmt.Errorf("--%s needs mutual TLS, and --%s serves plaintext, where nobody has an identity; drop one or the other", flag, insecureFlag)
			}
		}
	}
	if _, err := revocation.ParseChoice(c.Unavailable); err != nil {
		return fmt.Errorf("--%s: %w", unavailableFlag, err)
	}
	return nil
}

// An accessControl is the guard, and what it decides by.
type accessControl struct {
	*access.Guard
	closers []io.Closer
}

// newAccess loads the policy and the lists. The caller closes it.
func newAccess(cfg accessConfig, provider credentials.CredentialProvider, log *slog.Logger, registry *prometheus.Registry) (_ *accessControl, err error) {
	a := &accessControl{}
	defer func() {
		if err != nil {
			closeAll(a.closers...)
		}
	}()
	guard := access.Config{Provider: provider, Logger: log, Registerer: registry}
	if cfg.Policy != "" {
		if guard.Policy, err = openPolicy(cfg.Policy, log); err != nil {
			return nil, err
		}
		registry.MustRegister(guard.Policy)
		a.closers = append(a.closers, guard.Policy)
	} else {
		log.Warn("without --" + policyFlag + ", any client that the CA bundle verifies may join any group, and have its secrets")
	}
	if cfg.CRL != "" {
		choice, err := revocation.ParseChoice(cfg.Unavailable)
		if err != nil {
			return nil, err
		}
		if guard.Revocation, err = revocation.New(revocation.Config{Path: cfg.CRL, Unavailable: choice, Logger: log}); err != nil {
			return nil, err
		}
		registry.MustRegister(guard.Revocation)
		a.closers = append(a.closers, guard.Revocation)
	}
	a.Guard = access.New(guard)
	return a, nil
}

// Close ends the guard, and then what it decides by.
func (a *accessControl) Close() error {
	closeAll(append([]io.Closer{a.Guard}, a.closers...)...)
	return nil
}

func openPolicy(path string, log *slog.Logger) (*files.Live[*identity.Policy], error) {
	return files.NewLive(files.LiveConfig[*identity.Policy]{
		Setting: "--" + policyFlag, Path: path, What: "access policy", Name: "access_policy", Parse: identity.ParsePolicy, Logger: log,
	})
}
