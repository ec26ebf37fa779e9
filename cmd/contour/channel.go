package main

import (
	"fmt"
	"strings"

	"github.com/contour-xds/contour/internal/credentials"
)

// channelFlags are the settings that name the three files of one side of the
// channel.
type channelFlags struct{ ca, cert, key string }

var (
	serverChannel = channelFlags{"contour-cafile", "contour-mtls-cert", "contour-mtls-key"}
	envoyChannel  = channelFlags{"envoy-cafile", "envoy-mtls-cert", "envoy-mtls-key"}
)

// channel returns the files of a side, or nil when none is given. Some without the others are an error.
func (s *settings) channel(flags channelFlags) (*credentials.FileSet, error) {
	given, err := s.allOrNone(flags.ca, flags.cert, flags.key)
	if err != nil || !given {
		return nil, err
	}
	source := func(name string) credentials.Source {
		return credentials.Source{Setting: "--" + name, Path: fmt.Sprint(s.value(name))}
	}
	return &credentials.FileSet{CA: source(flags.ca), Cert: source(flags.cert), Key: source(flags.key)}, nil
}

// allOrNone is the rule of the accepted design: if one of the settings is given,
// the others are required. It tells whether they are given.
func (s *settings) allOrNone(names ...string) (bool, error) {
	var given, missing []string
	for _, name := range names {
		if origin := s.origin(name); origin != "" {
			given = append(given, fmt.Sprintf("--%s is given (by %s)", name, origin))
		} else {
			missing = append(missing, "--"+name)
		}
	}
	if len(given) > 0 && len(missing) > 0 {
		return false, fmt.Errorf("missing %s: %s, and the three go together; give all of them or none",
			strings.Join(missing, " and "), strings.Join(given, " and "))
	}
	return len(given) > 0, nil
}
