package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/bootstrap"
)

func grpcPlaintext(change ...func(*bootstrap.GRPCConfig)) bootstrap.GRPCConfig {
	cfg := bootstrap.GRPCConfig{XDSAddress: "192.0.2.1", XDSPort: 8001, NodeID: "client-1", NodeCluster: "checkout"}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func grpcSecure(change ...func(*bootstrap.GRPCConfig)) bootstrap.GRPCConfig {
	cfg := grpcPlaintext()
	cfg.TLS = &bootstrap.TLS{
		CAFile: credentialDir + "/ca.pem", CertFile: credentialDir + "/tls.crt", KeyFile: credentialDir + "/tls.key",
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func grpcDials(address string) func(*bootstrap.GRPCConfig) {
	return func(cfg *bootstrap.GRPCConfig) { cfg.XDSAddress = address }
}

// grpcGolden has a configuration for each file in testdata/grpc. test/grpc has real
// clients start with such files.
var grpcGolden = map[string]bootstrap.GRPCConfig{
	"plaintext.json":         grpcPlaintext(),
	"tls.json":               grpcSecure(),
	"host-name-tls.json":     grpcSecure(grpcDials("contour.example")),
	"ipv6-tls.json":          grpcSecure(grpcDials("2001:db8::1")),
	"without-a-cluster.json": grpcSecure(func(cfg *bootstrap.GRPCConfig) { cfg.NodeCluster = "" }),
	"odd-paths-tls.json": grpcSecure(func(cfg *bootstrap.GRPCConfig) {
		cfg.TLS = &bootstrap.TLS{CAFile: `R&D "ca"`, CertFile: `a b\<c>`, KeyFile: "schlüssel"}
	}),
}

func TestGRPCBootstrapIsAsTheGoldenFileHasIt(t *testing.T) {
	for name, cfg := range grpcGolden {
		t.Run(name, func(t *testing.T) {
			isGolden(t, filepath.Join("testdata", "grpc", name), mustNewGRPC(t, cfg))
		})
	}
	if files, err := filepath.Glob("testdata/grpc/*"); err != nil || len(files) != len(grpcGolden) {
		t.Errorf("testdata/grpc has %d files and not %d: %v", len(files), len(grpcGolden), err)
	}
}

// TestAHostOfAnyNameIsNoScheme: gRPC takes what stands before the first colon for a
// resolver where there is one of that name.
func TestAHostOfAnyNameIsNoScheme(t *testing.T) {
	for _, host := range []string{"xds", "dns", "unix", "passthrough", "contour.example", "192.0.2.1", "2001:db8::1"} {
		t.Run(host, func(t *testing.T) {
			var file struct {
				Servers []struct {
					URI string `json:"server_uri"`
				} `json:"xds_servers"`
			}
			if err := json.Unmarshal(mustNewGRPC(t, grpcPlaintext(grpcDials(host))), &file); err != nil {
				t.Fatal(err)
			}
			uri, err := url.Parse(file.Servers[0].URI)
			if err != nil {
				t.Fatal(err)
			}
			want := host + ":8001"
			if strings.Contains(host, ":") {
				want = "[" + host + "]:8001"
			}
			if uri.Scheme != "dns" || uri.Host != "" || uri.Path != "/"+want {
				t.Errorf("got %s, which is scheme %q, host %q, path %q", uri, uri.Scheme, uri.Host, uri.Path)
			}
		})
	}
}

func TestNewGRPCRefuses(t *testing.T) {
	file := func(tls bootstrap.TLS) func(*bootstrap.GRPCConfig) {
		return func(cfg *bootstrap.GRPCConfig) { cfg.TLS = &tls }
	}
	name := func(name string) func(*bootstrap.GRPCConfig) {
		return func(cfg *bootstrap.GRPCConfig) { cfg.ServerName = name }
	}
	for row, test := range map[string]struct {
		change func(*bootstrap.GRPCConfig)
		want   []string
	}{
		"an address that Envoy could not dial either": {grpcDials("192.0.2.1:8001"), []string{"--xds-address", "--xds-port"}},
		"a zone":                       {grpcDials("fe80::1%eth0"), []string{"--xds-address", "zone", "global address"}},
		"a dot at the end of the host": {grpcDials("contour.example."), []string{"--xds-address", "leave the dot out"}},
		"port 0":                       {func(cfg *bootstrap.GRPCConfig) { cfg.XDSPort = 0 }, []string{"--xds-port 0", "1 to 65535"}},

		"a server's name that is not the host": {name("contour"), []string{`--xds-server-name "contour"`, `--xds-address "192.0.2.1"`, `certificate for "192.0.2.1"`, "leave --xds-server-name out"}},
		"another address as the server's name": {name("192.0.2.2"), []string{"--xds-server-name", "differs"}},

		"no CA":                                  {file(bootstrap.TLS{CertFile: "c", KeyFile: "k"}), []string{"--envoy-cafile is empty"}},
		"no certificate":                         {file(bootstrap.TLS{CAFile: "a", KeyFile: "k"}), []string{"--envoy-mtls-cert is empty"}},
		"no key":                                 {file(bootstrap.TLS{CAFile: "a", CertFile: "c"}), []string{"--envoy-mtls-key is empty"}},
		"a path that is not text":                {file(bootstrap.TLS{CAFile: "a\xff", CertFile: "c", KeyFile: "k"}), []string{"--envoy-cafile", "UTF-8"}},
		"a certificate and a key of two folders": {file(bootstrap.TLS{CAFile: "a", CertFile: "x/c", KeyFile: "y/k"}), []string{`"x" and "y"`, "--envoy-mtls-cert", "--envoy-mtls-key", "put both files into one"}},
		"no id":                                  {func(cfg *bootstrap.GRPCConfig) { cfg.NodeID = "" }, []string{"--node-id is empty", "give it one"}},
		"an id that is not text":                 {func(cfg *bootstrap.GRPCConfig) { cfg.NodeID = "a\x00" }, []string{"--node-id", "UTF-8"}},
		"a group that is not text":               {func(cfg *bootstrap.GRPCConfig) { cfg.NodeCluster = "\xff" }, []string{"--node-cluster", "UTF-8"}},
		"a name that is not the host, in plaintext": {func(cfg *bootstrap.GRPCConfig) { cfg.TLS, cfg.ServerName = nil, "contour" }, []string{"--xds-server-name", "differs"}},
	} {
		t.Run(row, func(t *testing.T) {
			data, err := bootstrap.NewGRPC(grpcSecure(test.change))
			if err == nil {
				t.Fatalf("no error, but %s", data)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAServersNameThatIsTheHostIsNoOther(t *testing.T) {
	for host, name := range map[string]string{
		"contour.example": "Contour.Example", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:DB8:0::1",
	} {
		mustNewGRPC(t, grpcSecure(grpcDials(host), func(cfg *bootstrap.GRPCConfig) { cfg.ServerName = name }))
	}
}

func TestWriteGRPC(t *testing.T) {
	t.Chdir(t.TempDir())
	data := mustNewGRPC(t, grpcSecure())
	for _, path := range []string{"grpc.json", "grpc.JSON"} {
		for _, state := range []string{"made", "replaced"} {
			if err := bootstrap.WriteGRPC(path, nil, data); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s %s: got %q, %v", path, state, got, err)
			}
		}
	}
	var out bytes.Buffer
	if err := bootstrap.WriteGRPC("-", &out, data); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("on standard output: %q, %v", out.Bytes(), err)
	}
	for path, want := range map[string]string{
		"": "no path is given", "grpc.yaml": "JSON alone", "grpc.yml": "JSON alone", "grpc": "ends in .json", "no/grpc.json": "no such file",
	} {
		if err := bootstrap.WriteGRPC(path, nil, data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that says %q", path, err, want)
		}
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 2 {
		t.Errorf("other files were written: %v, %v", entries, err)
	}
}

func mustNewGRPC(t *testing.T, cfg bootstrap.GRPCConfig) []byte {
	t.Helper()
	data, err := bootstrap.NewGRPC(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
