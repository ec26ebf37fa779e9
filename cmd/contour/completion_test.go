package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
)

// TestChoicesAreThoseThatTheCommandsTake holds what a shell offers against what
// the code accepts, and against the help.
func TestChoicesAreThoseThatTheCommandsTake(t *testing.T) {
	accept := map[string]func(string) error{
		providerFlag:   checkProvider,
		"client":       func(word string) error { _, err := bootstrap.ParseClient(word); return err },
		"xds-protocol": func(word string) error { _, err := bootstrap.ParseProtocol(word); return err },
		"log-level":    func(word string) error { _, err := logConfig{word, "text"}.logger(io.Discard); return err },
		"log-format":   func(word string) error { _, err := logConfig{"info", word}.logger(io.Discard); return err },
		"key-type":     func(word string) error { _, err := certgen.ParseKeyKind(word); return err },
		"format":       func(word string) error { return outputConfig{Format: word}.checkFormat() },
		"reason":       func(word string) error { _, err := certgen.ParseReason(word); return err },
		"output":       func(word string) error { return inspectConfig{Output: word}.checkOutput() },
	}
	usage := make(map[string]string)
	for _, cmd := range commands(newRoot()) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { usage[f.Name] = f.Usage })
	}
	for flag, words := range choices {
		for _, word := range words {
			if err := accept[flag](word); err != nil {
				t.Errorf("a shell offers %s for --%s, which is refused: %v", word, flag, err)
			}
			if !strings.Contains(usage[flag], word) {
				t.Errorf("the help of --%s does not name %s: %s", flag, word, usage[flag])
			}
		}
	}
}
