package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
	"github.com/contour-xds/contour/internal/xds"
)

// limitsConfig is the settings that bound what clients can cost.
type limitsConfig struct {
	HandshakeTimeout       time.Duration `mapstructure:"handshake-timeout"`
	MaxHandshakes          int           `mapstructure:"max-handshakes"`
	MaxHandshakesPerSource int           `mapstructure:"max-handshakes-per-source"`
	HandshakeCPUs          int           `mapstructure:"handshake-cpus"`
	MaxConnections         int           `mapstructure:"max-connections"`
	MaxStreams             int           `mapstructure:"max-streams"`

	MaxConnectionAge      time.Duration `mapstructure:"max-connection-age"`
	MaxConnectionAgeGrace time.Duration `mapstructure:"max-connection-age-grace"`
	// ageGiven is whether MaxConnectionAge was set, be it to 0.
	ageGiven bool
}

// defaultConnectionAge is that of connections whose credentials change while contour
// runs. An Envoy keeps a connection after it got a new certificate, so that this is
// how long a rollover of the CA has to wait for it. It comes back with what it has and
// is sent nothing twice, so that 10,000 of them cost three handshakes a second.
const defaultConnectionAge = time.Hour

// Bounds of a connection's age. Below the one, clients would do nothing but connect,
// and gRPC, which varies the age by a tenth, panics where that is less than a
// nanosecond. Above the other, what it adds overflows, and connections end at once.
const (
	leastConnectionAge = 100 * time.Millisecond
	mostConnectionAge  = 10 * 365 * 24 * time.Hour
)

// mostOfAny is more than any machine has of anything, and little enough to be added.
const mostOfAny = 1 << 30

func limitFlags(flags *pflag.FlagSet) {
	flags.Duration("handshake-timeout", xds.DefaultHandshakeTimeout, "`time` that a connection has for its TLS handshake")
	flags.Int("max-handshakes", handshake.DefaultPending,
		"`number` of connections in their handshake; beyond it, the one that has waited longest for its peer makes room")
	flags.Int("max-handshakes-per-source", 0, "the same `number` for one IPv4 address or IPv6 /64; 0 for no such limit")
	flags.Int("handshake-cpus", 0, "`number` of handshakes that compute at once, the others in order of arrival; 0 for one a CPU")
	flags.Int("max-connections", handshake.DefaultConnections, "`number` of open connections that are through their handshake")
	flags.Duration("max-connection-age", 0,
		"`time` after which a connection has to end and Envoy to connect anew, more or less by a tenth; 0 for never; "+
			"unset, never where credentials are read once, and an hour where they change while contour runs")
	flags.Duration("max-connection-age-grace", xds.DefaultConnectionAgeGrace,
		"`time` after that until the connection is closed with its streams, which do not end by themselves")
	flags.Int("max-streams", xds.DefaultMaxStreams, "`number` of open streams, of all connections together")
}

// check refuses limits that nobody can mean.
func (c limitsConfig) check() error {
	if c.HandshakeTimeout <= 0 {
		return fmt.Errorf("--handshake-timeout is %s; it must be more than 0, such as %s", c.HandshakeTimeout, xds.DefaultHandshakeTimeout)
	}
	if age := c.MaxConnectionAge; age != 0 && (age < leastConnectionAge || age > mostConnectionAge) {
		return fmt.Errorf("--max-connection-age is %s; it must be %s at least and %s at most, such as %s, or 0 for never",
			age, leastConnectionAge, mostConnectionAge, defaultConnectionAge)
	}
	if c.MaxConnectionAgeGrace <= 0 {
		return fmt.Errorf("--max-connection-age-grace is %s; it must be more than 0, such as %s, for streams do not end by themselves",
			c.MaxConnectionAgeGrace, xds.DefaultConnectionAgeGrace)
	}
	for _, limit := range []struct {
		flag         string
		value, least int
	}{
		{"max-handshakes", c.MaxHandshakes, 1},
		{"max-handshakes-per-source", c.MaxHandshakesPerSource, 0},
		{"handshake-cpus", c.HandshakeCPUs, 0},
		{"max-connections", c.MaxConnections, 1},
		{"max-streams", c.MaxStreams, 1},
	} {
		if limit.value < limit.least || limit.value > mostOfAny {
			return fmt.Errorf("--%s is %d; it must be %d at least and %d at most", limit.flag, limit.value, limit.least, mostOfAny)
		}
	}
	return nil
}

// door is the part of the limits that the door keeps.
func (c limitsConfig) door() handshake.Limits {
	return handshake.Limits{
		Pending: c.MaxHandshakes, PendingPerSource: c.MaxHandshakesPerSource,
		CPUs: c.HandshakeCPUs, Connections: c.MaxConnections,
	}
}

// connectionAge is how long a connection may live, with credentials of provider; 0 is
// for ever.
func (c limitsConfig) connectionAge(provider credentials.CredentialProvider) time.Duration {
	if _, changes := provider.(credentials.Announcer); changes && !c.ageGiven {
		return defaultConnectionAge
	}
	return c.MaxConnectionAge
}

// newLimitsGauge says which limits are in force, for an alert that comes before
// one is reached.
func newLimitsGauge(door handshake.Limits, maxStreams int) prometheus.Collector {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "contour_xds_limit",
		Help: "Limits of the xDS port that are in force; 0 means none.",
	}, []string{"limit"})
	for limit, value := range map[string]int{
		"handshakes": door.Pending, "handshakes_per_source": door.PendingPerSource, "handshake_cpus": door.CPUs,
		"connections": door.Connections, "streams": maxStreams,
	} {
		gauge.WithLabelValues(limit).Set(float64(value))
	}
	return gauge
}

// otherFiles is how many files this process has open besides its connections, at
// most: listeners, scrapes, the folder of resources while it is read.
const otherFiles = 128

// warnOfOpenFiles says at the start that connections will fail for want of
// descriptors before the limits say so, since health would fail with them.
func (c limitsConfig) warnOfOpenFiles(log *slog.Logger) {
	needed := c.MaxHandshakes + c.MaxConnections + otherFiles
	if limit := openFiles(); limit < needed {
		log.Warn("the limit of open files (ulimit -n) is too low for as many connections as --max-handshakes and --max-connections permit; "+
			"raise it, or lower those", "open_files", limit, "needed", needed)
	}
}
