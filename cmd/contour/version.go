package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

// version and commit are stamped by the linker, see Makefile. They stay empty in
// what go install and go build make by themselves.
var version, commit string

// build is what the running binary was built from.
type build struct{ version, commit string }

// thisBuild tells it by what the linker stamped, and where that is missing by
// what the go command noted: the module's version, which go install has, and the
// commit, which a build in a clone has.
func thisBuild() build {
	noted, _ := debug.ReadBuildInfo()
	return build{version: version, commit: commit}.or(noted)
}

// or fills in what is missing from noted, which may be nil.
func (b build) or(noted *debug.BuildInfo) build {
	var fallback build
	if noted != nil && noted.Main.Version != "(devel)" {
		fallback.version = noted.Main.Version
	}
	if noted != nil {
		for _, setting := range noted.Settings {
			if setting.Key == "vcs.revision" {
				fallback.commit = setting.Value
			}
		}
	}
	return build{
		version: cmp.Or(b.version, fallback.version, "development"),
		commit:  cmp.Or(b.commit, fallback.commit, "unknown"),
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit it was built from, Go's version and the platform",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "contour %s (commit %s, %s %s/%s)\n",
				b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// newBuildInfo is a metric that is always 1 and tells the build by its labels.
func newBuildInfo() prometheus.Collector {
	b := thisBuild()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "contour_build_info",
		Help:        "Always 1; its labels tell the running build.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}
