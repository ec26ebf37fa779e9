package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/credentials"
)

// Settings of the credentials that contour makes itself.
const (
	stateFlag    = "state-dir"
	lifetimeName = "certificate-lifetime"
	insecureFlag = "insecure"
)

// rootState is where the state of a service of the machine is kept.
const rootState = "/var/lib/contour"

func stateDirFlag(flags *pflag.FlagSet) {
	flags.String(stateFlag, "", "`folder` of the CA and the certificates that contour serve makes where no three files are given (default: "+
		rootState+" for root, $XDG_STATE_HOME/contour or ~/.local/state/contour for others)")
}

func generatedFlags(flags *pflag.FlagSet) {
	stateDirFlag(flags)
	flags.String(lifetimeName, certgen.FormatLifetime(credentials.DefaultGeneratedLifetime),
		"`time` that these certificates live, such as 90d or 36h; they are renewed when a half to five eighths of it is over")
}

// user is of whom the state is.
type user struct {
	root bool
	// home is the home folder, and state what $XDG_STATE_HOME says; each may be empty.
	home, state string
}

func thisUser() user {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return user{root: os.Geteuid() == 0, home: home, state: os.Getenv("XDG_STATE_HOME")}
}

// stateDir is the default of --state-dir, after the Filesystem Hierarchy Standard for
// root and the XDG Base Directory Specification for others, which has relative paths
// ignored.
func (u user) stateDir() (string, error) {
	switch {
	case u.root:
		return rootState, nil
	case filepath.IsAbs(u.state):
		return filepath.Join(u.state, "contour"), nil
	case filepath.IsAbs(u.home):
		return filepath.Join(u.home, ".local", "state", "contour"), nil
	}
	return "", fmt.Errorf("finding the default of --%s: neither XDG_STATE_HOME nor HOME is an absolute path; give --%[1]s", stateFlag)
}

// stateDir is the folder that is given, or the default one, and tells whether it is
// given. The path is absolute, for an Envoy with another working directory.
func (s *settings) stateDir() (dir string, given bool, err error) {
	if s.origin(stateFlag) == "" {
		dir, err = thisUser().stateDir()
		return dir, false, err
	}
	dir, err = filepath.Abs(fmt.Sprint(s.value(stateFlag)))
	return dir, true, err
}

// checkStateless refuses the settings of a state folder where there is none. In the
// environment or a file they may be meant for another command.
func (s *settings) checkStateless(instead string) error {
	for _, name := range []string{stateFlag, lifetimeName} {
		if s.flags.Lookup(name) != nil && s.layer(name) == byFlag {
			return s.about(name, fmt.Errorf("it is about the certificates that contour makes itself, and %s; leave one or the other out", instead))
		}
	}
	return nil
}

// makeStateParents makes the folders above the default one. Above one that is given, a
// folder that is missing is taken for a mistake.
func makeStateParents(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("making the folder of --%s: %w; give another one, or --%s for plaintext", stateFlag, err, insecureFlag)
	}
	return nil
}
