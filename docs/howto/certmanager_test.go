package howto_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const certManager = "cert-manager.md"

// certificate is what is read of a manifest of cert-manager.
type certificate struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		SecretName string
		DNSNames   []string `json:"dnsNames"`
		Usages     []string
		IssuerRef  struct{ Name, Kind string }
		CA         struct{ SecretName string }
		PrivateKey struct{ RotationPolicy string }
	}
}

// manifests returns what stands in a page's fences marked "yaml".
func manifests(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, fence := range regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, strings.Split(fence[1], "\n---\n")...)
	}
	return found
}

// TestCertManagerMakesWhatTheManifestsMount holds the page to examples/kubernetes, and
// its certificates to issuers that it makes.
func TestCertManagerMakesWhatTheManifestsMount(t *testing.T) {
	made := make(map[string]certificate)
	for _, text := range manifests(t, certManager) {
		var fields map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &fields); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		var c certificate
		if err := yaml.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if c.Kind != "" {
			made[c.Kind+" "+c.Metadata.Name] = c
		}
	}
	if len(made) != 5 {
		t.Errorf("the page makes %d objects", len(made))
	}
	for _, c := range made {
		if issuer := c.Spec.IssuerRef; c.Kind == "Certificate" && made[issuer.Kind+" "+issuer.Name].Kind == "" {
			t.Errorf("nobody makes the issuer %q of %s", issuer.Name, c.Metadata.Name)
		}
		if secret := c.Spec.CA.SecretName; secret != "" && made["Certificate "+secret].Spec.SecretName != secret {
			t.Errorf("nobody makes the Secret %s", secret)
		}
	}
	for side, usage := range map[string]string{"contour": "server auth", "envoy": "client auth"} {
		c := made["Certificate "+side+"-channel"]
		if c.Metadata.Namespace != "contour" || !slices.Equal(c.Spec.DNSNames, []string{side}) ||
			!slices.Equal(c.Spec.Usages, []string{"digital signature", usage}) || c.Spec.PrivateKey.RotationPolicy != "Always" {
			t.Errorf("the certificate of %s is another one: %+v", side, c)
		}
		manifest, err := os.ReadFile(fmt.Sprintf("../../examples/kubernetes/%s.yaml", side))
		if err != nil || !strings.Contains(string(manifest), "secretName: "+c.Spec.SecretName+"\n") {
			t.Errorf("%s.yaml does not mount %q, %v", side, c.Spec.SecretName, err)
		}
	}
}

// TestCertManagerNamesTheFilesThatContourMounts compares the arguments and the volume
// of the page with those of the manifest.
func TestCertManagerNamesTheFilesThatContourMounts(t *testing.T) {
	manifest, err := os.ReadFile("../../examples/kubernetes/contour.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, text := range manifests(t, certManager) {
		args, ok := strings.CutPrefix(text, "args:\n")
		if !ok {
			continue
		}
		for arg := range strings.Lines(args) {
			shown++
			if !strings.Contains(string(manifest), strings.TrimSpace(arg)+"\n") {
				t.Errorf("contour.yaml has no %s", arg)
			}
		}
	}
	if shown != 4 {
		t.Errorf("the page shows %d arguments", shown)
	}
}

// TestCertManagersCommandsAreShell: they need a cluster, and are run by nobody here.
func TestCertManagersCommandsAreShell(t *testing.T) {
	out, err := exec.Command("bash", "-c", `fail() { exit 1; }; source ../../examples/demo/commands.sh; commands_of "$1" | bash -n`, "bash", certManager).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
