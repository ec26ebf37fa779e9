package bootstrap_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// deadline is ample: Envoy takes its configuration within a second.
const deadline = 30 * time.Second

// TestRealEnvoyTakesItsConfigurationOverMutualTLS is what a bootstrap is for.
func TestRealEnvoyTakesItsConfigurationOverMutualTLS(t *testing.T) {
	for p, want := range map[bootstrap.Protocol][]string{
		bootstrap.DeltaADS: {"DeltaAggregatedResources Cluster", "DeltaAggregatedResources Listener", "DeltaAggregatedResources Runtime"},
		bootstrap.ADS:      {"StreamAggregatedResources Cluster", "StreamAggregatedResources Listener", "StreamAggregatedResources Runtime"},
		bootstrap.Delta:    {"DeltaClusters Cluster", "DeltaListeners Listener", "DeltaRuntime Runtime"},
		bootstrap.SotW:     {"StreamClusters Cluster", "StreamListeners Listener", "StreamRuntime Runtime"},
	} {
		t.Run(string(p), func(t *testing.T) {
			ca := certtest.NewCA(t, "CA")
			s := serve(t, hello200(t), mutualTLS(ca, ca.Issue(t, certtest.Server())))
			e := start(t, s, credentialsOf(t, ca), protocol(p), layer("tuning"))
			e.WaitReady(deadline)

			expectHello(t, e)
			expectRuntime(t, e, "contour.test", "served")
			if diff := cmp.Diff(want, s.requests()); diff != "" {
				t.Errorf("what the server was asked (-want +got):\n%s", diff)
			}
			for _, greeting := range s.greetings() {
				if want := (hello{"contour", []string{"h2"}}); !cmp.Equal(want, greeting, cmp.AllowUnexported(hello{})) {
					t.Errorf("the handshake began with %v, want %v", greeting, want)
				}
			}
		})
	}
}

func TestRealEnvoyTakesItsConfigurationInPlaintext(t *testing.T) {
	s := serve(t, hello200(t), nil)
	e := start(t, s)
	e.WaitReady(deadline)
	expectHello(t, e)
}

// TestRealEnvoyReachesAHostName has a name with an IPv6 address too, where
// machines have IPv6, while the server listens on IPv4 alone.
func TestRealEnvoyReachesAHostName(t *testing.T) {
	ca := certtest.NewCA(t, "CA")
	s := serve(t, hello200(t), mutualTLS(ca, ca.Issue(t, certtest.Server())))
	e := start(t, s, credentialsOf(t, ca), dials("localhost"))
	e.WaitReady(deadline)
	expectHello(t, e)
}

func TestRealEnvoyKnowsAServerByItsAddress(t *testing.T) {
	ca := certtest.NewCA(t, "CA")
	leaf := certtest.Server()
	leaf.DNSNames = nil
	for name, ip := range map[string]net.IP{"127.0.0.1": net.IPv4(127, 0, 0, 1), "2001:DB8:0:0::1": net.ParseIP("2001:db8::1")} {
		t.Run(name, func(t *testing.T) {
			leaf.IPs = []net.IP{ip}
			s := serve(t, hello200(t), mutualTLS(ca, ca.Issue(t, leaf)))
			e := start(t, s, credentialsOf(t, ca), serverName(name))
			e.WaitReady(deadline)
			for _, greeting := range s.greetings() {
				if greeting.serverName != "" {
					t.Errorf("an address was sent as a server name: %q", greeting.serverName)
				}
			}
		})
	}
}

func TestRealEnvoyRefuses(t *testing.T) {
	ca, other := certtest.NewCA(t, "CA"), certtest.NewCA(t, "other CA")
	envoyOfTwoUsages := certtest.Client()
	envoyOfTwoUsages.Usages = nil
	likeNamed := certtest.Server()
	likeNamed.DNSNames = []string{"contour.example"}
	unnamed := certtest.Server()
	unnamed.DNSNames = nil
	old := mutualTLS(ca, ca.Issue(t, certtest.Server()))
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12

	for name, test := range map[string]struct {
		config *tls.Config
		// stat is the counter by which Envoy says why.
		stat string
	}{
		"an Envoy that poses as the server":             {mutualTLS(ca, ca.Issue(t, envoyOfTwoUsages)), "ssl.fail_verify_san"},
		"a certificate that is for clients alone":       {mutualTLS(ca, ca.Issue(t, certtest.Client())), "ssl.fail_verify_error"},
		"a server of the CA with another name":          {mutualTLS(ca, ca.Issue(t, likeNamed)), "ssl.fail_verify_san"},
		"a server of the CA with no name but addresses": {mutualTLS(ca, ca.Issue(t, unnamed)), "ssl.fail_verify_san"},
		"a server of another CA with the right name":    {mutualTLS(ca, other.Issue(t, certtest.Server())), "ssl.fail_verify_error"},
		"a server that speaks TLS 1.2":                  {old, "ssl.connection_error"},
		"a server that speaks plaintext":                {nil, "ssl.connection_error"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, hello200(t), test.config)
			e := start(t, s, credentialsOf(t, ca))
			envoy.Eventually(t, deadline, "Envoy refuses the server", func() error {
				return atLeastOne(e, "cluster.contour."+test.stat)
			})
			if got, err := e.Text("cluster_manager.cds.version_text"); err == nil {
				t.Errorf("it took clusters of version %q all the same", got)
			}
			if got := s.requests(); len(got) != 0 {
				t.Errorf("it sent requests all the same: %q", got)
			}
		})
	}
}

func atLeastOne(e *envoy.Envoy, stat string) error {
	got, err := e.Stat(stat)
	if err == nil && got == 0 {
		err = fmt.Errorf("%s is 0", stat)
	}
	return err
}

// start starts an Envoy on a bootstrap that leads to s.
func start(t *testing.T, s *server, change ...func(*bootstrap.Config)) *envoy.Envoy {
	t.Helper()
	cfg := plaintext(change...)
	if cfg.XDSAddress == plaintext().XDSAddress {
		cfg.XDSAddress = "127.0.0.1"
	}
	cfg.XDSPort, cfg.AdminPort = s.port, 0
	path := filepath.Join(t.TempDir(), "envoy.json")
	writeFollowing(t, path, cfg)
	return envoy.Start(t, path, envoy.Options{ComponentLogLevel: "connection:debug,config:debug"})
}

// credentialsOf gives the Envoy a certificate of ca, and ca to know the server by.
func credentialsOf(t *testing.T, ca *certtest.CA) func(*bootstrap.Config) {
	t.Helper()
	f := certtest.WriteFiles(t, t.TempDir(), ca, ca.Issue(t, certtest.Client()))
	return func(cfg *bootstrap.Config) {
		cfg.TLS = &bootstrap.TLS{CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key}
		cfg.ServerName = bootstrap.DefaultServerName
	}
}

func expectHello(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	address, err := e.ListenerAddress("hello")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" {
		t.Errorf("the listener answered %q, %v", body, err)
	}
}

// expectRuntime also checks the order of the layers, of which later ones win.
func expectRuntime(t *testing.T, e *envoy.Envoy, key, want string) {
	t.Helper()
	body, err := e.Get("/runtime")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Layers  []string
		Entries map[string]struct {
			FinalValue string `json:"final_value"`
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rtds", "admin"}, got.Layers); diff != "" {
		t.Errorf("runtime layers (-want +got):\n%s", diff)
	}
	if value := got.Entries[key].FinalValue; value != want {
		t.Errorf("runtime %s is %q, want %q", key, value, want)
	}
}
