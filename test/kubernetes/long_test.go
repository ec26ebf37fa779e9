//go:build long

package kubernetes

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLongTheFolderIsAppliedToARealAPIServer follows the howto, and finds on the
// server what was asked of it.
func TestLongTheFolderIsAppliedToARealAPIServer(t *testing.T) {
	a := startAPIServer(t)
	work := a.workFolder()
	a.follow(t, work, "certificates-with-openssl.md", "")
	a.follow(t, work, howto, "## Make the namespace and the Secrets")
	a.follow(t, work, howto, "## Apply")

	t.Run("each object is there as it was asked for", func(t *testing.T) {
		for _, o := range build(t) {
			var want, got map[string]any
			asJSON(t, o, &want)
			kind := o.GetObjectKind().GroupVersionKind().Kind
			out, err := a.kubectl("", "get", "--namespace=contour", "--output=json", kind, o.GetName())
			must(t, err)
			must(t, json.Unmarshal([]byte(out), &got))
			if diff := cmp.Diff(want, common(want, got)); diff != "" {
				t.Errorf("%s %s differs from what was asked for (-asked +there):\n%s", kind, o.GetName(), diff)
			}
		}
	})
	t.Run("nothing that was asked for is changed on the server", func(t *testing.T) {
		out, err := a.kubectl("", "diff", "-k", folder)
		if err != nil || out != "" {
			t.Errorf("kubectl diff: %v\n%s", err, out)
		}
	})
	t.Run("server-side validation is strict and finds nothing", func(t *testing.T) {
		_, err := a.kubectl("", "apply", "--server-side", "--force-conflicts", "--validate=strict", "-k", folder)
		must(t, err)
	})
	t.Run("the Secrets are those that the pods mount", func(t *testing.T) {
		a.wantSecrets(t, work)
	})
	t.Run("the Secrets are replaced, and leave no copy of a key elsewhere", func(t *testing.T) {
		a.follow(t, work, howto, "### Keep the old files")
		a.follow(t, filepath.Join(work, "certificates"), "replacing-certificates.md", "### Contour's")
		a.follow(t, work, howto, "### Replace the Secrets")
		a.wantSecrets(t, work)
	})
	t.Run("and are brought back", func(t *testing.T) {
		a.follow(t, work, howto, "### From certificates that are wrong")
		a.follow(t, work, howto, "### Replace the Secrets")
		a.wantSecrets(t, work)
	})
	t.Run("resources with a private key are a Secret that contour mounts", func(t *testing.T) {
		dir := t.TempDir()
		a.follow(t, dir, "../../examples/https/README.md", "## Make the secret")
		a.follow(t, dir, howto, "### Resources with a private key")
		out, err := a.kubectl("", "get", "--namespace=contour", "--output=jsonpath={.data}", "secret", "contour-secret-resources")
		if err != nil || !strings.Contains(out, `{"secret.yaml":`) {
			t.Errorf("the Secret does not hold secret.yaml: %v", err) // what it holds is a key
		}
	})
	t.Run("the commands that look for a reason are commands", func(t *testing.T) {
		a.follow(t, work, howto, "## When it does not")
	})
	t.Run("the pods are admitted", a.testPodsAreAdmitted)
	t.Run("a restart rolls the pods", func(t *testing.T) {
		for _, name := range []string{"deployment/contour", "daemonset/envoy"} {
			_, err := a.kubectl("", "rollout", "restart", "--namespace=contour", name)
			must(t, err)
		}
	})
}

// workFolder is a folder in which the howtos' commands find what they find in the
// repository's root.
func (a *apiserver) workFolder() string {
	a.t.Helper()
	examples, err := filepath.Abs("../../examples")
	must(a.t, err)
	work := a.t.TempDir()
	must(a.t, os.Symlink(examples, filepath.Join(work, "examples")))
	return work
}

// follow runs the commands of a section of a howto as they stand, in dir.
func (a *apiserver) follow(t *testing.T, dir, page, heading string) {
	t.Helper()
	run(t, dir, commandsOf(t, page, heading), "KUBECONFIG="+a.config, "HOME="+t.TempDir(), "PATH="+a.tools+":"+os.Getenv("PATH"))
}

// wantSecrets holds both Secrets against the files that they are made of.
func (a *apiserver) wantSecrets(t *testing.T, work string) {
	t.Helper()
	for _, side := range []string{"contour", "envoy"} {
		var secret corev1.Secret
		out, err := a.kubectl("", "get", "--namespace=contour", "--output=json", "secret", side+"-channel")
		must(t, err)
		must(t, json.Unmarshal([]byte(out), &secret))
		if secret.Type != corev1.SecretTypeTLS || len(secret.Data) != len(channelKeys) || len(secret.Annotations) != 0 {
			t.Errorf("the Secret of %s is of type %s, with %d entries and %d annotations", side, secret.Type, len(secret.Data), len(secret.Annotations))
		}
		for key, file := range map[string]string{"tls.crt": side + ".pem", "tls.key": side + "-key.pem", "ca.crt": "ca.pem"} {
			if !bytes.Equal(secret.Data[key], readFile(t, filepath.Join(work, "certificates", side, file))) {
				t.Errorf("the Secret of %s does not have in %s what is in %s", side, key, file)
			}
		}
	}
}

// testPodsAreAdmitted makes the pods that the controllers would, without keeping
// them, and then such as are to be refused: the namespace's pod security standard
// judges pods, and only warns of what makes them.
func (a *apiserver) testPodsAreAdmitted(t *testing.T) {
	// Made by a controller in a cluster.
	_, err := a.kubectl("", "create", "serviceaccount", "--namespace=contour", "default")
	must(t, err)
	for name, w := range workloads(build(t)) {
		pod := &corev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Name: "test", Namespace: "contour", Labels: w.template.Labels},
			Spec:       w.template.Spec,
		}
		create := func() error {
			var text any
			asJSON(t, pod, &text)
			data, err := json.Marshal(text)
			must(t, err)
			_, err = a.kubectl(string(data), "create", "--dry-run=server", "--validate=strict", "--filename=-")
			return err
		}
		if err := create(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		pod.Spec.Containers[0].Ports[0].HostPort = 8080
		if err := create(); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
			t.Errorf("%s with a host port is not refused: %v", name, err)
		}
	}
}

// TestLongTheAPIServerRefusesWhatIsWrong shows that the test above can fail.
func TestLongTheAPIServerRefusesWhatIsWrong(t *testing.T) {
	a := startAPIServer(t)
	for _, test := range []struct{ name, file, old, new, want string }{
		{"a field that there is not", "contour.yaml", "enableServiceLinks:", "enableServiceLink:", "unknown field"},
		{"a port that no Service can have", "contour.yaml", "port: 8001\n", "port: 80001\n", "spec.ports[0].port"},
		{"a selector that is not the template's", "envoy.yaml", "matchLabels:\n      app.kubernetes.io/name: envoy", "matchLabels:\n      app.kubernetes.io/name: other", "selector"},
		{"a mount without a volume", "envoy.yaml", "- name: channel\n        secret:", "- name: other\n        secret:", "volumeMounts"},
		{"a pod that is less confined than the namespace demands", "contour.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "would violate PodSecurity"},
		{"a pod that is ended before its preStop has run", "envoy.yaml", "seconds: 90", "seconds: 900", "preStop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(folder)))
			path := filepath.Join(dir, test.file)
			text := string(readFile(t, path))
			if !strings.Contains(text, test.old) {
				t.Fatalf("%s has no %q", test.file, test.old)
			}
			must(t, os.WriteFile(path, []byte(strings.Replace(text, test.old, test.new, 1)), 0o600))
			_, err := a.kubectl("", "apply", "-k", dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want an error that has %q", err, test.want)
			}
		})
	}
}

// asJSON turns an object into what is sent to an API server, without its status
// and what else it may not have.
func asJSON(t *testing.T, o any, into any) {
	t.Helper()
	data, err := json.Marshal(o)
	must(t, err)
	must(t, json.Unmarshal(data, into))
	prune(into)
}

// prune removes what Go's types write for a field that was not given.
func prune(value any) {
	switch v := value.(type) {
	case *any:
		prune(*v)
	case *map[string]any:
		prune(*v)
	case map[string]any:
		delete(v, "creationTimestamp")
		delete(v, "status")
		for key, item := range v {
			prune(item)
			if m, ok := item.(map[string]any); ok && len(m) == 0 && key != "emptyDir" {
				delete(v, key)
			}
			if item == nil {
				delete(v, key)
			}
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}

// common returns of there what asked has too, so that what the server filled in
// is left out. Items of lists correspond by their place.
func common(asked, there any) any {
	switch asked := asked.(type) {
	case map[string]any:
		found, ok := there.(map[string]any)
		if !ok {
			return there
		}
		both := make(map[string]any)
		for key := range asked {
			if value, ok := found[key]; ok {
				both[key] = common(asked[key], value)
			}
		}
		return both
	case []any:
		found, ok := there.([]any)
		if !ok || len(found) != len(asked) {
			return there
		}
		both := make([]any, len(found))
		for i := range found {
			both[i] = common(asked[i], found[i])
		}
		return both
	}
	return there
}
