package bootstrap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certtest"
)

// goldenSecrets has a configuration for each folder in testdata/sds.
var goldenSecrets = map[string]bootstrap.Config{
	"one-folder": secure(following),
	"three-folders": secure(following, files(bootstrap.TLS{
		CAFile: "/etc/ssl/contour/ca.pem", CertFile: credentialDir + "/tls.crt", KeyFile: "/etc/ssl/private/tls.key",
	})),
	"relative-paths": secure(following, files(bootstrap.TLS{CAFile: "certs/ca.pem", CertFile: "tls.crt", KeyFile: "./tls.key"})),
}

func TestResourcesAreAsTheGoldenFilesHaveThem(t *testing.T) {
	for name, cfg := range goldenSecrets {
		t.Run(name, func(t *testing.T) {
			cfg.ResourcesDir = filepath.Join(t.TempDir(), "sds")
			resources := writeFollowing(t, filepath.Join(t.TempDir(), "envoy.json"), cfg)
			for _, resource := range resources {
				got, err := os.ReadFile(resource.Path)
				if err != nil {
					t.Fatal(err)
				}
				isGolden(t, filepath.Join("testdata", "sds", name, filepath.Base(resource.Path)), got)
				validateResource(t, got)
			}
			if found, err := filepath.Glob("testdata/sds/" + name + "/*"); err != nil || len(found) != len(resources) || len(found) != 2 {
				t.Errorf("testdata has %q and not %d files: %v", found, len(resources), err)
			}
		})
	}
}

// validateResource holds a file to the constraints of its messages.
func validateResource(t *testing.T, data []byte) {
	t.Helper()
	response := new(discoveryv3.DiscoveryResponse)
	if err := protojson.Unmarshal(data, response); err != nil {
		t.Fatal(err)
	}
	if err := response.ValidateAll(); err != nil {
		t.Error(err)
	}
	if seen := validateTyped(t, response); seen != 1 {
		t.Errorf("it holds %d resources and not one", seen)
	}
}

// writeFollowing writes what an Envoy of cfg starts with, and returns the resources.
func writeFollowing(t *testing.T, path string, cfg bootstrap.Config) []bootstrap.Resource {
	t.Helper()
	message, err := bootstrap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := bootstrap.NewResources(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := bootstrap.Write(path, nil, message, resources...); err != nil {
		t.Fatal(err)
	}
	return resources
}

// goldenResources copies those of one folder, for the credentials in dir, and returns
// where to.
func goldenResources(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	found, err := filepath.Glob("testdata/sds/one-folder/*.json")
	if err != nil || len(found) == 0 {
		t.Fatalf("got %v, %v", found, err)
	}
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		certtest.WriteFile(t, filepath.Join(to, filepath.Base(path)), []byte(strings.ReplaceAll(string(data), credentialDir, dir)))
	}
	return to
}

func TestWithoutAFolderForThemThereAreNoResources(t *testing.T) {
	for name, cfg := range map[string]bootstrap.Config{"over TLS": secure(), "in plaintext": plaintext()} {
		if resources, err := bootstrap.NewResources(cfg); err != nil || len(resources) != 0 {
			t.Errorf("%s: got %v, %v", name, resources, err)
		}
	}
}

// TestOnlyTheBootstrapSaysWhoTheServerIs is why no change of what Envoy follows can
// lose the server's name.
func TestOnlyTheBootstrapSaysWhoTheServerIs(t *testing.T) {
	first, err := bootstrap.NewResources(secure(following))
	if err != nil {
		t.Fatal(err)
	}
	second, err := bootstrap.NewResources(secure(following, serverName("other.example")))
	if err != nil {
		t.Fatal(err)
	}
	for i, resource := range first {
		text := protojson.Format(resource.Response)
		if text != protojson.Format(second[i].Response) || strings.Contains(text, "match") {
			t.Errorf("%s depends on the server's name: %s", resource.Path, text)
		}
	}
}

func TestNewResourcesRefusesWhatNewRefuses(t *testing.T) {
	cfg := plaintext(following)
	_, want := bootstrap.New(cfg)
	resources, err := bootstrap.NewResources(cfg)
	if err == nil || want == nil || err.Error() != want.Error() || resources != nil {
		t.Errorf("got %v, %v; want the error %v", resources, err, want)
	}
}

// TestRealEnvoyOpensRelativePathsFromItsOwnFolder has the bootstrap, the resources and
// the credentials in the folder that Envoy is started in, and named by no other.
func TestRealEnvoyOpensRelativePathsFromItsOwnFolder(t *testing.T) {
	ca := certtest.NewCA(t, "CA")
	s := serve(t, hello200(t), mutualTLS(ca, ca.Issue(t, certtest.Server())))
	dir := t.TempDir()
	certtest.WriteFiles(t, dir, ca, ca.Issue(t, certtest.Client()))
	t.Chdir(dir)
	e := start(t, s, func(cfg *bootstrap.Config) {
		cfg.TLS = &bootstrap.TLS{CAFile: "ca.pem", CertFile: "tls.crt", KeyFile: "tls.key"}
		cfg.ServerName, cfg.ResourcesDir = bootstrap.DefaultServerName, "sds"
	})
	e.WaitReady(deadline)
	expectHello(t, e)
}
