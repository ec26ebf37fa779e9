package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/bootstrap"
)

func TestNewRefuses(t *testing.T) {
	long := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		change func(*bootstrap.Config)
		want   []string
	}{
		"no address":                          {dials(""), []string{"--xds-address", "empty", "IP address or the host name"}},
		"an address with its port":            {dials("192.0.2.1:8001"), []string{`--xds-address "192.0.2.1:8001"`, "--xds-port"}},
		"a host name with its port":           {dials("contour:8001"), []string{"--xds-address", "--xds-port"}},
		"a URL":                               {dials("https://contour:8001"), []string{"--xds-address", "URL", "--xds-port"}},
		"an IPv6 address in brackets":         {dials("[2001:db8::1]"), []string{"--xds-address", "without them"}},
		"an IPv6 address with a zone":         {dials("fe80::1%eth0"), []string{"--xds-address", "zone", "global address"}},
		"an address of no machine":            {dials("0.0.0.0"), []string{"--xds-address", "not dialed", "host name of the machine"}},
		"an IPv6 address of no machine":       {dials("::"), []string{"--xds-address", "not dialed"}},
		"an address of many machines":         {dials("224.0.0.1"), []string{"--xds-address", "not dialed"}},
		"a mistyped IPv4 address":             {dials("192.0.2.256"), []string{"--xds-address", "looks like an IP address"}},
		"a host name with a space":            {dials("con tour"), []string{"--xds-address", "no host name", "letters, digits"}},
		"a host name with two dots in a row":  {dials("contour..example"), []string{"--xds-address", "no host name"}},
		"a host name that begins with a dash": {dials("-contour"), []string{"--xds-address", "no host name"}},
		"a host name that ends with a dash":   {dials("contour-.example"), []string{"--xds-address", "no host name"}},
		"a label of 64 characters":            {dials(long), []string{"--xds-address", "no host name"}},
		"a host name of 255 characters":       {dials(strings.Repeat("a.", 127) + "a"), []string{"--xds-address", "255 characters"}},
		"a host name that is only a dot":      {dials("."), []string{"--xds-address", "0 characters"}},

		"port 0":             {port(0), []string{"--xds-port 0", "1 to 65535"}},
		"a negative port":    {port(-1), []string{"--xds-port -1", "1 to 65535"}},
		"a port above 65535": {port(65536), []string{"--xds-port 65536", "1 to 65535"}},

		"no name of the server":                   {serverName(""), []string{"--xds-server-name", "any certificate of the CA", "such as contour"}},
		"a wildcard as the server's name":         {serverName("*.example"), []string{"--xds-server-name", "wildcard", "in full"}},
		"a server's name with a dot at its end":   {serverName("contour.example."), []string{"--xds-server-name", "leave it out"}},
		"a server's name that is a URL":           {serverName("https://contour"), []string{"--xds-server-name", "no host name"}},
		"a server's address with a zone":          {serverName("fe80::1%eth0"), []string{"--xds-server-name", "zone", "without it"}},
		"a server's name that is a broken number": {serverName("10.0.0"), []string{"--xds-server-name", "looks like an IP address"}},

		"no CA":          {files(bootstrap.TLS{CertFile: "c", KeyFile: "k"}), []string{"--envoy-cafile is empty"}},
		"no certificate": {files(bootstrap.TLS{CAFile: "a", KeyFile: "k"}), []string{"--envoy-mtls-cert is empty"}},
		"no key":         {files(bootstrap.TLS{CAFile: "a", CertFile: "c"}), []string{"--envoy-mtls-key is empty"}},
		"a path with a zero byte": {
			files(bootstrap.TLS{CAFile: "a\x00", CertFile: "c", KeyFile: "k"}), []string{`--envoy-cafile "a\x00"`, "UTF-8"},
		},

		"a folder for SDS in plaintext": {
			func(c *bootstrap.Config) { c.TLS, c.ResourcesDir = nil, "sds" },
			[]string{`--resources-dir "sds"`, "plaintext", "give --envoy-cafile, --envoy-mtls-cert and --envoy-mtls-key, or leave it out"},
		},
		"a folder for SDS with a zero byte": {func(c *bootstrap.Config) { c.ResourcesDir = "a\x00" }, []string{"--resources-dir", "zero bytes"}},

		"an admin address that all can reach": {adminAddress("0.0.0.0"), []string{"--admin-address", "not a loopback", "give 127.0.0.1"}},
		"an admin address of a network":       {adminAddress("192.0.2.1"), []string{"--admin-address", "not a loopback"}},
		"a host name as the admin address":    {adminAddress("localhost"), []string{"--admin-address", "not an IP address", "127.0.0.1"}},
		"a negative admin port":               {adminPort(-1), []string{"--admin-port -1", "0 to let Envoy"}},
		"an admin port above 65535":           {adminPort(65536), []string{"--admin-port 65536", "1 to 65535"}},

		"an unknown protocol":         {protocol("grpc"), []string{`--xds-protocol "grpc"`, "delta-ads", " ads", " delta ", "sotw"}},
		"a protocol in capitals":      {protocol("ADS"), []string{`--xds-protocol "ADS"`}},
		"a node id that is no text":   {node("\xff", "edge"), []string{"--node-id", "UTF-8"}},
		"a cluster that is no text":   {node("envoy", "\xff"), []string{"--node-cluster", "UTF-8"}},
		"a layer with a zero byte":    {layer("a\x00b"), []string{"--rtds-layer", "zero bytes"}},
		"everything wrong, one error": {func(c *bootstrap.Config) { *c = bootstrap.Config{} }, []string{"--xds-address"}},
	} {
		t.Run(name, func(t *testing.T) {
			message, err := bootstrap.New(secure(test.change))
			if err == nil || message != nil {
				t.Fatalf("got %v, %v; want an error alone", message, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error %q has more than one line", err)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	for name, change := range map[string]func(*bootstrap.Config){
		"a host name of one label":              dials("contour"),
		"a host name with a dot at its end":     dials("contour.projectcontour.svc.cluster.local."),
		"a host name with an underscore":        dials("contour_1.example"),
		"a host name that begins with a number": dials("1contour.2example"),
		"a host name in capitals":               dials("CONTOUR.example"),
		"an IPv6 address":                       dials("2001:db8::1"),
		"an IPv4 address inside IPv6":           dials("::ffff:192.0.2.1"),
		"the highest port":                      port(65535),
		"another loopback address for admin":    adminAddress("127.0.0.2"),
		"an admin port of Envoy's choice":       adminPort(0),
		"a node that Envoy's command line has":  node("", ""),
		"a node id with any text":               node("zürich/1 ", "edge"),
		"no TLS and so no name of the server":   func(c *bootstrap.Config) { c.TLS, c.ServerName = nil, "" },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := bootstrap.New(secure(change)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseProtocolTakesItsOwnNames(t *testing.T) {
	for _, p := range []bootstrap.Protocol{bootstrap.DeltaADS, bootstrap.ADS, bootstrap.Delta, bootstrap.SotW} {
		if got, err := bootstrap.ParseProtocol(string(p)); err != nil || got != p {
			t.Errorf("%q: got %q, %v", p, got, err)
		}
	}
	if got, err := bootstrap.ParseProtocol(""); err == nil {
		t.Errorf("an empty name: got %q and no error", got)
	}
}

func port(number int) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.XDSPort = number }
}

func adminPort(number int) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.AdminPort = number }
}

func files(tls bootstrap.TLS) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.TLS = &tls }
}

func node(id, cluster string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.NodeID, cfg.NodeCluster = id, cluster }
}
