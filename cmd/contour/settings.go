package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// visit calls f for each setting, in the order in which they are declared.
func (s *settings) visit(f func(*pflag.Flag)) {
	s.flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != helpFlag {
			f(flag)
		}
	})
}

// origin says where a setting was given, for an error; empty means nowhere, so
// that its default holds.
func (s *settings) origin(name string) string {
	flag := s.flags.Lookup(name)
	switch {
	case flag.Changed:
		return "flag --" + name
	case envGiven(flag):
		return "environment variable " + envName(flag)
	case s.inFile(name):
		return fmt.Sprintf(s.where, name)
	}
	return ""
}

func envGiven(flag *pflag.Flag) bool {
	_, ok := os.LookupEnv(envName(flag))
	return ok
}

// serviceLink is what Kubernetes sets NAME_PORT to for a Service called name.
var serviceLink = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// check refuses a value that is given and empty, or not of the setting's type.
// Flags were checked when they were parsed, but for emptiness.
func (s *settings) check(name string) error {
	origin := s.origin(name)
	if origin == "" {
		return nil
	}
	text, err := scalar(s.value(name))
	switch flagType := s.flags.Lookup(name).Value.Type(); {
	case err != nil && flagType != "stringSlice":
		return fmt.Errorf("%s: %w", origin, err)
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s is given but empty; give it a value or leave it out", origin)
	case flagType == "int":
		return checkInt(origin, text)
	case flagType == "bool":
		if _, err := strconv.ParseBool(text); err != nil {
			return fmt.Errorf("%s: %q is neither true nor false", origin, text)
		}
	}
	return nil
}

func checkInt(origin, text string) error {
	if variable, ok := strings.CutPrefix(origin, "environment variable "); ok && serviceLink.MatchString(text) {
		service := strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(variable, "_PORT")), "_", "-")
		return fmt.Errorf("%s is %q, which Kubernetes sets for a Service named %q; "+
			"set enableServiceLinks: false in the pod's spec, or give the flag", origin, text, service)
	}
	if _, err := strconv.Atoi(text); err != nil {
		return fmt.Errorf("%s: %q is not a whole number", origin, text)
	}
	return nil
}

// scalar is a value as text. Lists are joined, so that an empty one is empty.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case []string:
		return strings.Join(v, ","), nil
	case []any:
		if len(v) == 0 {
			return "", nil
		}
		return fmt.Sprint(v...), errors.New("takes one value, not a list")
	case map[string]any:
		return "map", errors.New("takes one value, not a mapping")
	}
	return fmt.Sprint(value), nil
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

// checkPort refuses what is no TCP port. 0 leaves the choice to the system.
func checkPort(name string, port int) error {
	if port < 0 || port > 65535 {
		return fmt.Errorf("--%s is %d; a port is between 0 and 65535", name, port)
	}
	return nil
}

// splitList decodes a list that came as one text, from the environment: commas
// separate, and white space around them means nothing.
func splitList(from, to reflect.Type, value any) (any, error) {
	if from.Kind() != reflect.String || to != reflect.TypeFor[[]string]() {
		return value, nil
	}
	var list []string
	for part := range strings.SplitSeq(value.(string), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list, nil
}
