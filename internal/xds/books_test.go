package xds

import (
	"strings"
	"testing"
)

func TestRefusalTextLeavesOutWhatEnvoyRepeats(t *testing.T) {
	rows := []struct{ name, words, want string }{
		{
			"words alone stay", "Error adding/updating listener(s) http: Didn't find a registered implementation for 'x' with type URL: ''",
			"Error adding/updating listener(s) http: Didn't find a registered implementation for 'x' with type URL: ''",
		},
		{"a pattern stays", `missing ]: [[ in a{2,3}`, `missing ]: [[ in a{2,3}`},
		{"a PEM block", "bad pair: -----BEGIN PRIVATE KEY-----\nhush", "bad pair: [configuration left out]"},
		{
			"a message as debug text", `Unable to unpack as envoy.config.listener.v3.Listener: [goo.gle/debugproto] value: "hush"`,
			"Unable to unpack as envoy.config.listener.v3.Listener: [configuration left out]",
		},
		{
			"a message as text, in one line", `Proto constraint validation failed (SecretValidationError.Name: value is too short): generic_secret { secret { inline_string: "hush" } }`,
			"Proto constraint validation failed (SecretValidationError.Name: value is too short): [configuration left out]",
		},
		{
			"a message as text, in lines", "validation failed: name: \"hush\"\n", "validation failed: [configuration left out]",
		},
		{"a message as JSON", `cannot parse {"inline_string":"hush"}`, "cannot parse [configuration left out]"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := refusalText(row.words); got != row.want || strings.Contains(got, "hush") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
