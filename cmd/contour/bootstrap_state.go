package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/credentials"
)

// secure decides about the channel where the three files are not given: the state folder
// of this machine has them, unless plaintext is asked for.
func (s *settings) secure(cfg *bootstrapConfig) error {
	switch given := cfg.channel != nil; {
	case given && cfg.Insecure:
		return fmt.Errorf("--%s contradicts --%s, --%s and --%s; drop one or the other", insecureFlag, envoyChannel.ca, envoyChannel.cert, envoyChannel.key)
	case given:
		return s.checkStateless("the three files are given")
	case cfg.Insecure:
		return s.checkStateless("plaintext has none")
	}
	dir, given, err := s.stateDir()
	if err != nil {
		return err
	}
	if !given && !loopback(cfg.XDSAddress) {
		return fmt.Errorf("--xds-address %s is not a loopback address, and the credentials of that server are hardly those in the state folder of this machine; "+
			"give --%s, --%s and --%s, --%s if they are, or --%s for plaintext",
			cfg.XDSAddress, envoyChannel.ca, envoyChannel.cert, envoyChannel.key, stateFlag, insecureFlag)
	}
	if cfg.channel, err = clientState(dir, envoyChannel); err != nil {
		return err
	}
	cfg.fromState = true
	if cfg.ResourcesDir == "" && cfg.Client != string(bootstrap.GRPC) {
		// Always followed, or Envoy would hold on to a certificate that ends.
		cfg.ResourcesDir = credentials.ClientSDS(dir)
	}
	return nil
}

// explain says what to do about credentials that are not good.
func (c bootstrapConfig) explain(err error) error {
	if c.fromState {
		return fmt.Errorf("%w; contour serve keeps them up: run it, with the same --%s and as the same user", err, stateFlag)
	}
	return fmt.Errorf("%w (--skip-credential-check leaves this check out, where the files are on another machine)", err)
}

// clientState are Envoy's files in the state folder, or an error that says where they
// would come from, or why they are not to be trusted.
func clientState(dir string, flags channelFlags) (*credentials.FileSet, error) {
	set := credentials.ClientFiles(dir)
	remedies := fmt.Sprintf("run contour serve on this machine first, which makes them, give its folder as --%s, or give --%s, --%s and --%s, or --%s for plaintext",
		stateFlag, flags.ca, flags.cert, flags.key, insecureFlag)
	_, err := os.Stat(set.Cert.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--%s %q has no credentials for Envoy; %s", stateFlag, dir, remedies)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("--%s %q: user id %d may not read it; run this, and Envoy, as the user that contour serve runs as", stateFlag, dir, os.Getuid())
	case err != nil:
		return nil, err
	}
	return &set, credentials.CheckState(dir)
}
