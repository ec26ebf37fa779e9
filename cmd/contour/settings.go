package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

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

// layer is where a setting has its value from.
type layer int

// The layers, the strongest last.
const (
	byDefault layer = iota
	byFile
	byEnvironment
	byFlag
)

func (s *settings) layer(name string) layer {
	flag := s.flags.Lookup(name)
	switch {
	case flag.Changed:
		return byFlag
	case envGiven(flag):
		return byEnvironment
	case s.inFile(name):
		return byFile
	}
	return byDefault
}

// origin says where a setting was given, for an error; empty means nowhere, so
// that its default holds.
func (s *settings) origin(name string) string {
	switch s.layer(name) {
	case byFlag:
		return "flag --" + name
	case byEnvironment:
		return "environment variable " + envName(s.flags.Lookup(name))
	case byFile:
		return fmt.Sprintf("key %s.%s of configuration file %q", s.command, name, s.file)
	}
	return ""
}

func envGiven(flag *pflag.Flag) bool {
	_, ok := os.LookupEnv(envName(flag))
	return ok
}

// check refuses a value that is given and empty, or not of the setting's type.
// Flags were checked for their type when they were parsed.
func (s *settings) check(name string) error {
	if s.layer(name) == byDefault {
		return nil
	}
	flagType := s.flags.Lookup(name).Value.Type()
	err := checkValue(s.value(name), flagType)
	if err != nil && flagType == "int" && s.layer(name) == byEnvironment {
		err = serviceLinkError(s.flags.Lookup(name), err)
	}
	if err != nil {
		return fmt.Errorf("%s %w", s.origin(name), err)
	}
	return nil
}

// checkValue checks a value of any layer against the type of its flag. Its errors
// go on where the origin's name ends.
func checkValue(value any, flagType string) error {
	if flagType == "stringSlice" {
		return checkList(value)
	}
	text, err := scalar(value, flagType)
	if err != nil {
		return err
	}
	switch flagType {
	case "int":
		if _, err := strconv.Atoi(text); err != nil {
			return fmt.Errorf("is %q, which is not a whole number", text)
		}
	case "bool":
		if _, err := strconv.ParseBool(text); err != nil {
			return fmt.Errorf("is %q, which is neither true nor false", text)
		}
	case "duration":
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf("is %q, which is no duration such as 10s or 1m30s", text)
		}
	}
	return nil
}

// serviceLink is what Kubernetes sets NAME_PORT to for a Service called name.
var serviceLink = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// serviceLinkError replaces err where the variable was set by Kubernetes rather
// than by a person.
func serviceLinkError(flag *pflag.Flag, err error) error {
	value := os.Getenv(envName(flag))
	service, isPort := strings.CutSuffix(envName(flag), "_PORT")
	if !isPort || !serviceLink.MatchString(value) || checkText(value) != nil {
		return err
	}
	return fmt.Errorf("is %q, which Kubernetes sets for a Service named %q; set enableServiceLinks: false in the pod's spec, or give the flag",
		value, strings.ReplaceAll(strings.ToLower(service), "_", "-"))
}

var (
	errEmpty = errors.New("is given but empty; give it a value or leave it out")
	// errLines never tells the value: what has several lines is most often a key
	// that stands where its file's path should.
	errLines = errors.New("holds more than one line; give the path of a file, not what is in it")
)

// scalar is a value as text.
func scalar(value any, flagType string) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", errEmpty
	case []any, []string:
		return "", errors.New("takes one value, not a list")
	case map[string]any:
		return "", errors.New("takes one value, not a mapping")
	case string:
		return v, checkText(v)
	}
	if flagType == "string" {
		return "", errors.New("takes a text, which a file must put in quotes where it looks like a number, a date or a truth value")
	}
	return fmt.Sprint(value), nil
}

func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errEmpty
	case strings.ContainsAny(text, "\r\n") || strings.Contains(text, pemMark):
		return errLines
	}
	return nil
}

// checkList takes a list of any layer: of texts from a flag or a file, or one text
// with commas.
func checkList(value any) error {
	var items []any
	switch v := value.(type) {
	case string:
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, item)
		}
	case []string:
		for _, item := range v {
			items = append(items, item)
		}
	case []any:
		items = v
	}
	if len(items) == 0 {
		return errEmpty
	}
	for _, item := range items {
		if _, err := scalar(item, "string"); err != nil {
			return fmt.Errorf("has an item that %w", err)
		}
	}
	return nil
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

// decimal decodes a whole number that came as text. Without it 010 would be eight.
func decimal(from, to reflect.Type, value any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Int {
		return value, nil
	}
	return strconv.Atoi(value.(string))
}
