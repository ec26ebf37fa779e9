package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/contour-xds/contour/test/envoy"
)

// TestAListenerThatAsksOtherwiseForWhatEnvoyHasServes changes only how listeners ask
// for their route configuration and secret, whose names stay: to an Envoy these are
// subscriptions of their own, to names that it is subscribed to already.
func TestAListenerThatAsksOtherwiseForWhatEnvoyHasServes(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			asksOtherwise(t, envoy.Version, protocol)
		})
	}
}

func asksOtherwise(t *testing.T, version, protocol string) {
	s := startServed(t, version, protocol)
	s.make(change{name: "listeners ask otherwise", make: func(next *site, n int) {
		s.d.source = "{resource_api_version: V3, ads: {}, initial_fetch_timeout: 14s}"
		next.edition = n
	}})
	s.wantRunning(change{name: "listeners ask otherwise"})
	s.wantNoFailure()
}

// TestListenersThatAskOtherwiseForAllTheyNeed does so with routes, a filter and a
// secret.
func TestListenersThatAskOtherwiseForAllTheyNeed(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.writeAll(overADS, newUpstream(t))
			c := f.serve(drainsQuickly...)
			bootstrap := f.bootstrap(c, f.client, "--xds-protocol", protocol)
			e := envoy.Start(t, bootstrap, envoy.Options{Args: drainQuickly})
			e.WaitReady(deadline)
			f.wantAnswer(e, "https", "/", "hello")
			otherwise := "{resource_api_version: V3, ads: {}, initial_fetch_timeout: 60s}"
			f.write("listeners.yaml", strings.NewReplacer("SOURCE", otherwise, "stat_prefix: http", "stat_prefix: other").Replace(listenersYAML))
			envoy.Eventually(t, runsPromptly, "the new listeners are in force", func() error {
				r, err := runningIn(e)
				if err == nil && len(r.unsettled) > 0 {
					err = errors.New(strings.Join(r.unsettled, "; "))
				}
				if err == nil && !strings.Contains(fmt.Sprint(r.messages[resourcev3.ListenerType]), "other") {
					err = errors.New("they are not")
				}
				return err
			})
			f.wantAnswer(e, "https", "/", "hello")
			f.wantAnswer(e, "http", "/upstream", "upstream")
		})
	}
}
