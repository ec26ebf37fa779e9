package kubernetes

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// commentedOut are lines of a manifest that are there for whoever wants them: a comment
// in words begins with one of them.
var commentedOut = regexp.MustCompile(`(?m)^( +)# ((?:- |  ).*)$`)

// withAccess is contour's workload with the policy and the revocation lists, which its
// manifest has commented out.
func withAccess(t *testing.T) workload {
	t.Helper()
	_, manifests := copyOfFolder(t)
	path := filepath.Join(manifests, "contour.yaml")
	must(t, os.WriteFile(path, commentedOut.ReplaceAll(readFile(t, path), []byte("$1$2")), 0o600))
	return workloads(buildIn(t, manifests))["contour"]
}

// TestThePolicyAndTheListsAreMountedAsCommentedOut runs contour with them, and changes
// both.
func TestThePolicyAndTheListsAreMountedAsCommentedOut(t *testing.T) {
	d := newDeployment(t)
	w := withAccess(t)
	d.pods["contour"] = w
	known := settingsOf(t, "serve").flags
	for _, arg := range w.template.Spec.Containers[0].Args[1:] {
		if flag := before(strings.TrimPrefix(arg, "--"), "="); !slices.Contains(known, flag) {
			t.Errorf("contour serve has no flag %s", arg)
		}
	}
	const policy = "rules:\n- {name: all, identities: [\"*.example.org\"], groups: [envoy]}\n"
	d.objects["ConfigMap contour-access-policy"] = content{"policy.yaml": []byte(policy)}
	d.objects["ConfigMap contour-crl"] = content{"crl.pem": d.ca.RevocationList(t, certtest.List{})}
	c := d.startContour(d.xds)

	d.objects["ConfigMap contour-access-policy"] = content{"policy.yaml": []byte(strings.ReplaceAll(policy, "example.org", "example.com"))}
	revoked := d.ca.Issue(t, certtest.Client()).Chain[0]
	d.objects["ConfigMap contour-crl"] = content{"crl.pem": d.ca.RevocationList(t, certtest.List{Revoked: []*x509.Certificate{revoked}})}
	c.pod.refresh()
	wantMetric(t, c.metrics, `contour_access_policy_reloads_total{result="success"}`, "1")
	wantMetric(t, c.metrics, `contour_crl_reloads_total{result="success"}`, "1")
	c.terminate()
}

// TestTheHowtosMakeWhatIsMounted holds the names of ConfigMaps and files against the
// pages that make them.
func TestTheHowtosMakeWhatIsMounted(t *testing.T) {
	w := withAccess(t)
	for volume, want := range map[string]struct{ page, flag string }{
		"access": {"access-policy.md", "--access-policy"}, "revocation": {"revocation.md", "--contour-crlfile"},
	} {
		v := volumeOf(t, w, volume)
		file := filepath.Base(argument(t, w.template.Spec.Containers[0], want.flag))
		command := regexp.MustCompile(`create configmap ` + regexp.QuoteMeta(v) + ` --from-file=(?:` + regexp.QuoteMeta(file) + `=\S+|` + regexp.QuoteMeta(file) + `) `)
		if !command.Match(readFile(t, "../../docs/howto/"+want.page)) {
			t.Errorf("%s does not make ConfigMap %s with the file %s", want.page, v, file)
		}
	}
}

// volumeOf is the ConfigMap of a volume.
func volumeOf(t *testing.T, w workload, name string) string {
	t.Helper()
	v := volume(w, name)
	if v == nil || v.ConfigMap == nil {
		t.Fatalf("there is no volume %s of a ConfigMap", name)
	}
	return v.ConfigMap.Name
}
