package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/contour-xds/contour/test/envoy"
)

// wholes are the types that an Envoy subscribes to as a whole, and so need not be
// sent what it has.
var wholes = []string{"cluster", "listener"}

// TestAnEnvoyThatLacksNothingIsSentNothing kills the server under Envoys that have
// a folder with many clusters, and then changes one.
func TestAnEnvoyThatLacksNothingIsSentNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			lacksNothing(t, envoy.Version, protocol)
		})
	}
}

func lacksNothing(t *testing.T, version, protocol string) {
	s := startServed(t, version, protocol)
	s.f.write("many.yaml", manyClusters(300, 5))
	wantRunning(t, s.e, s.f.resources)
	clusters, listeners := s.updates("cluster_manager.cds.update_success"), s.updates("listener_manager.lds.update_success")

	s.c.kill()
	wantDisconnected(t, s.e)
	s.restart()
	// What is named is sent in any case, and comes last in the order of requests.
	for _, named := range []string{"endpoint", "route", "secret"} {
		s.c.wantAccepted(named)
	}
	for _, kind := range wholes {
		s.c.wantMetric(0, "contour_xds_responses_total", "type", kind)
	}
	if n := s.updates("cluster_manager.cds.update_success"); n != clusters {
		t.Errorf("Envoy counts %d updates of clusters, of which %d are new", n, n-clusters)
	}
	if n := s.updates("listener_manager.lds.update_success"); n != listeners {
		t.Errorf("Envoy counts %d updates of listeners, of which %d are new", n, n-listeners)
	}

	s.f.write("many.yaml", manyClusters(300, 6))
	wantRunning(t, s.e, s.f.resources)
	s.c.wantMetric(1, "contour_xds_responses_total", "type", "cluster")
	s.wantNoFailure()
}

func (s *served) updates(stat string) int {
	s.t.Helper()
	n, err := s.e.Stat(stat)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// wantAccepted waits until an Envoy accepted something of a type.
func (c *contour) wantAccepted(kind string) {
	c.t.Helper()
	envoy.Eventually(c.t, deadline, "a response is accepted, of type "+kind, func() error {
		n, err := c.metric("contour_xds_acks_total", "type", kind)
		if err == nil && n == 0 {
			err = fmt.Errorf("none is")
		}
		return err
	})
}

// manyClusters is a file of clusters, the first of which has a timeout of its own.
func manyClusters(count, firstTimeout int) string {
	var b strings.Builder
	b.WriteString("resources:\n")
	for i := range count {
		timeout := 5
		if i == 0 {
			timeout = firstTimeout
		}
		fmt.Fprintf(&b, "- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: many-%d, type: STATIC, connect_timeout: %ds}\n", i, timeout)
	}
	return b.String()
}

// TestAClusterWhoseEndpointsTheServerOwedWarmsAfterTheRestart has a server send a
// changed cluster and end before it sends the cluster's endpoints. The Envoy comes
// to the next server with the changed cluster and with the endpoint set, of which
// it says that it has it: that was for the cluster before.
func TestAClusterWhoseEndpointsTheServerOwedWarmsAfterTheRestart(t *testing.T) {
	t.Parallel()
	for _, protocol := range aggregated {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			warmsAfterTheRestart(t, envoy.Version, protocol)
		})
	}
}

func warmsAfterTheRestart(t *testing.T, version, protocol string) {
	o := startOwing(t, version, protocol, func(s *site) { s.tune++ })
	wantRunning(t, o.e, o.f.resources)
	// It came with the cluster, or this would have been another case.
	o.c.wantMetric(0, "contour_xds_responses_total", "type", "cluster")
}

// TestRoutesWaitForClustersThatCameBeforeTheRestart has a server send a new cluster
// and end before its endpoints are known and requests are routed there. The Envoy
// comes to the next server with that cluster, and does not say that it still warms.
func TestRoutesWaitForClustersThatCameBeforeTheRestart(t *testing.T) {
	t.Parallel()
	routesWait(t, envoy.Version)
}

func routesWait(t *testing.T, version string) {
	o := startOwing(t, version, "delta-ads", func(s *site) { s.cluster, s.service = "next", "next" })
	wantRunning(t, o.e, o.f.resources)
	o.wantNoFailure()
}

// startOwing starts an Envoy and a debtor, has the debtor send the clusters of a
// changed site alone, and puts contour in its place.
func startOwing(t *testing.T, version, protocol string, edit func(*site)) *served {
	t.Helper()
	s := &served{t: t, f: newFixture(t), a: newSlowlyWarm(t)}
	s.d, s.site = newFolder(t, s.f), firstSite(s.a)
	s.d.publish(s.site)
	debtor := startDebtor(t, s.f)
	bootstrap := contourBootstrap(t, "--insecure", "--xds-port", debtor.port(), "--xds-protocol", protocol)
	retryQuickly(t, bootstrap)
	s.e = envoy.Start(t, bootstrap, envoy.Options{Version: version, Args: drainQuickly})
	wantRunning(t, s.e, s.f.resources)
	s.traffic = startTraffic(t, s.f, s.d.urls()...)

	edit(s.site)
	s.d.publish(s.site)
	debtor.sendClustersAlone(s.f)
	envoy.Eventually(t, deadline, "the cluster warms", func() error {
		r, err := runningIn(s.e)
		if err == nil && !containsAll(fmt.Sprint(r.unsettled), "a cluster warms: "+s.site.cluster) {
			err = fmt.Errorf("it is %v", r.unsettled)
		}
		return err
	})
	debtor.end()
	s.c = serve(t, append([]string{"--resources", s.f.resources, "--insecure", "--xds-port", debtor.port()}, drainsQuickly...)...)
	return s
}
