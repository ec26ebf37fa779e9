package main

import (
	"runtime/debug"
	"testing"
)

func TestBuildIsToldByTheLinkerOrElseByTheGoCommand(t *testing.T) {
	revision := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123abc"}}
	released := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	cloned := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.4-0.20260101000000-0123abc"}, Settings: revision}
	for name, test := range map[string]struct {
		stamped build
		noted   *debug.BuildInfo
		want    build
	}{
		"both stamps hold against what is noted":   {build{"v2.0.0", "fedc"}, cloned, build{"v2.0.0", "fedc"}},
		"go install of a release knows no commit":  {build{}, released, build{"v1.2.3", "unknown"}},
		"go build in a clone knows both":           {build{}, cloned, build{"v1.2.4-0.20260101000000-0123abc", "0123abc"}},
		"a missing stamp alone is filled in":       {build{version: "v2.0.0"}, cloned, build{"v2.0.0", "0123abc"}},
		"a build outside of a clone is said to be": {build{}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{"development", "unknown"}},
		"a binary without notes is one as well":    {build{}, nil, build{"development", "unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.stamped.or(test.noted); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
