package main

import (
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/credentials"
)

// fixed is a provider that never changes, and changing one that does.
type (
	fixed    struct{ credentials.CredentialProvider }
	changing struct{ fixed }
)

func (changing) Changed() <-chan struct{} { return nil }

func TestConnectionsHaveAnAgeWhereCredentialsChange(t *testing.T) {
	given := limitsConfig{MaxConnectionAge: time.Minute, ageGiven: true}
	never := limitsConfig{ageGiven: true}
	for _, row := range []struct {
		name     string
		provider credentials.CredentialProvider
		limits   limitsConfig
		want     time.Duration
	}{
		{"in plaintext", nil, limitsConfig{}, 0},
		{"with credentials that are read once", fixed{}, limitsConfig{}, 0},
		{"with credentials that change", changing{}, limitsConfig{}, time.Hour},
		{"that is given, in plaintext", nil, given, time.Minute},
		{"that is given, with credentials that are read once", fixed{}, given, time.Minute},
		{"that is given, with credentials that change", changing{}, given, time.Minute},
		{"that is given as never, with credentials that change", changing{}, never, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.limits.connectionAge(row.provider); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

// TestAnAgeOfZeroIsGiven tells 0, which is never, from nothing, which depends.
func TestAnAgeOfZeroIsGiven(t *testing.T) {
	for _, row := range []struct {
		name, environment string
		args              []string
		want              bool
	}{
		{name: "nothing", want: false},
		{name: "a flag", args: []string{"--max-connection-age", "0s"}, want: true},
		{name: "the environment", environment: "0s", want: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.environment != "" {
				t.Setenv("CONTOUR_MAX_CONNECTION_AGE", row.environment)
			}
			cmd := newServe()
			if err := cmd.ParseFlags(append([]string{"--resources", "."}, row.args...)); err != nil {
				t.Fatal(err)
			}
			cfg, err := loadServeConfig(cmd)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Limits.ageGiven != row.want {
				t.Errorf("given: %v, want %v", cfg.Limits.ageGiven, row.want)
			}
		})
	}
}
