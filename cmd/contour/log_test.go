package main

import (
	"bytes"
	"errors"
	"testing"
)

func TestNoPeerDrivesTheTerminalOfWhoeverReadsTheLog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			log, err := logConfig{Level: "info", Format: format}.logger(&out)
			if err != nil {
				t.Fatal(err)
			}
			const hostile = "a\x1b[31mb\u009bc\x7fd\u202ee\nf"
			log.Info("message", "node", hostile, "error", errors.New(hostile))
			line := out.Bytes()
			if bytes.Count(line, []byte("\n")) != 1 || bytes.ContainsFunc(line[:len(line)-1], unprintable) {
				t.Errorf("logged %q", line)
			}
			if !bytes.Contains(line, []byte("u202e")) {
				t.Errorf("what was there can't be told any more: %q", line)
			}
		})
	}
}
