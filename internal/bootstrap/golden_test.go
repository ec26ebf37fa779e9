package bootstrap_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// credentialDir is where the golden files say that credentials are, and resourcesDir
// where those of SDS are; Envoy is given those of a test instead.
const (
	credentialDir = "/etc/envoy/certs"
	resourcesDir  = "/etc/envoy/sds"
)

func plaintext(change ...func(*bootstrap.Config)) bootstrap.Config {
	cfg := bootstrap.Config{
		XDSAddress: "192.0.2.1", XDSPort: 8001,
		NodeID: "envoy-1", NodeCluster: "edge",
		AdminPort: 9901,
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func secure(change ...func(*bootstrap.Config)) bootstrap.Config {
	cfg := plaintext()
	cfg.ServerName = bootstrap.DefaultServerName
	cfg.TLS = &bootstrap.TLS{
		CAFile: credentialDir + "/ca.pem", CertFile: credentialDir + "/tls.crt", KeyFile: credentialDir + "/tls.key",
	}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

func protocol(p bootstrap.Protocol) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.Protocol = p }
}

func dials(address string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.XDSAddress = address }
}

func serverName(name string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.ServerName = name }
}

func adminAddress(address string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.AdminAddress = address }
}

func following(cfg *bootstrap.Config) { cfg.ResourcesDir = resourcesDir }

func layer(name string) func(*bootstrap.Config) {
	return func(cfg *bootstrap.Config) { cfg.RTDSLayer = name }
}

// golden has a configuration for each file in testdata.
var golden = map[string]bootstrap.Config{
	"default.json":                   plaintext(),
	"default-tls.json":               secure(),
	"default-tls.yaml":               secure(),
	"delta-ads.json":                 plaintext(protocol(bootstrap.DeltaADS)),
	"delta-ads-tls.json":             secure(protocol(bootstrap.DeltaADS)),
	"ads.json":                       plaintext(protocol(bootstrap.ADS)),
	"ads-tls.json":                   secure(protocol(bootstrap.ADS)),
	"delta.json":                     plaintext(protocol(bootstrap.Delta)),
	"delta-tls.json":                 secure(protocol(bootstrap.Delta)),
	"sotw.json":                      plaintext(protocol(bootstrap.SotW)),
	"sotw-tls.json":                  secure(protocol(bootstrap.SotW)),
	"delta-ads-runtime.json":         plaintext(protocol(bootstrap.DeltaADS), layer("tuning")),
	"ads-runtime.json":               plaintext(protocol(bootstrap.ADS), layer("tuning")),
	"delta-runtime.json":             plaintext(protocol(bootstrap.Delta), layer("tuning")),
	"sotw-runtime.json":              plaintext(protocol(bootstrap.SotW), layer("tuning")),
	"host-name-tls.json":             secure(dials("contour.example")),
	"ipv6-tls.json":                  secure(dials("2001:db8::1"), adminAddress("::1")),
	"server-name-ip-address-tls.yml": secure(serverName("2001:DB8:0::1")),
	"following-tls.json":             secure(following),
	"following-tls.yaml":             secure(following),
}

func TestBootstrapIsAsTheGoldenFileHasIt(t *testing.T) {
	for name, cfg := range golden {
		t.Run(name, func(t *testing.T) {
			isGolden(t, filepath.Join("testdata", name), write(t, name, cfg))
		})
	}
	if files, err := filepath.Glob("testdata/*.*"); err != nil || len(files) != len(golden) {
		t.Errorf("testdata has %d files and not %d: %v", len(files), len(golden), err)
	}
}

// isGolden holds what was written to a golden file, which -update writes anew.
func isGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("differs from %s, which -update writes anew (-want +got):\n%s", path, diff)
	}
}

// write returns what Write makes of cfg in a file of that name.
func write(t *testing.T, name string, cfg bootstrap.Config) []byte {
	t.Helper()
	message, err := bootstrap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := bootstrap.Write(path, nil, message); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRealEnvoyAcceptsEveryGoldenFile(t *testing.T) {
	dir := t.TempDir()
	ca := certtest.NewCA(t, "CA")
	certtest.WriteFiles(t, dir, ca, ca.Issue(t, certtest.Client()))
	following := goldenResources(t, dir)
	for name := range golden {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), name)
			certtest.WriteFile(t, path, []byte(strings.NewReplacer(credentialDir, dir, resourcesDir, following).Replace(string(data))))
			if err := envoy.Validate(t, envoy.Version, path); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGoldenFilesHoldTheConstraintsOfTheirMessages looks into typed configuration
// too, which ValidateAll itself passes over.
func TestGoldenFilesHoldTheConstraintsOfTheirMessages(t *testing.T) {
	for name := range golden {
		t.Run(name, func(t *testing.T) {
			message := new(bootstrapv3.Bootstrap)
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = yaml.YAMLToJSON(data); err != nil {
				t.Fatal(err)
			}
			if err := protojson.Unmarshal(data, message); err != nil {
				t.Fatal(err)
			}
			if err := message.ValidateAll(); err != nil {
				t.Error(err)
			}
			if seen := validateTyped(t, message); seen == 0 {
				t.Error("no typed configuration was found; the cluster has some in every bootstrap")
			}
		})
	}
}

func validateTyped(t *testing.T, message proto.Message) int {
	t.Helper()
	seen := 0
	err := protorange.Range(message.ProtoReflect(), func(p protopath.Values) error {
		packed, ok := asAny(p.Index(-1).Value)
		if !ok {
			return nil
		}
		seen++
		typed, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		return typed.(interface{ ValidateAll() error }).ValidateAll()
	})
	if err != nil {
		t.Error(err)
	}
	return seen
}

func asAny(v protoreflect.Value) (*anypb.Any, bool) {
	message, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return nil, false
	}
	packed, ok := message.Interface().(*anypb.Any)
	return packed, ok
}
