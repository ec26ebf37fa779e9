package kubernetes

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/contour-xds/contour/internal/credentials"
)

// secretsOf runs contour certgen with Secrets on its standard output, and reads them
// as Kubernetes does.
func secretsOf(t *testing.T, args ...string) map[string]*corev1.Secret {
	t.Helper()
	var errOut bytes.Buffer
	cmd := exec.Command(contourBinary, append([]string{"certgen"}, args...)...)
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("contour certgen %v: %v\n%s", args, err, errOut.String())
	}
	secrets := make(map[string]*corev1.Secret)
	for document := range bytes.SplitSeq(out, []byte("---\n")) {
		var s corev1.Secret
		decode(t, "a Secret of certgen's", document, &s)
		secrets[s.Name] = &s
	}
	return secrets
}

// TestSecretsOfCertgenAreThoseThatTheDeploymentsMount takes every default there is.
func TestSecretsOfCertgenAreThoseThatTheDeploymentsMount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	made := secretsOf(t, dir, "--format", "kubernetes")
	again := secretsOf(t, "secrets", dir)
	if len(made) != 2 || len(again) != 2 {
		t.Fatalf("got %d Secrets, and %d when asked again", len(made), len(again))
	}
	authorityKey, err := os.ReadFile(filepath.Join(dir, "ca", "ca-key.pem"))
	must(t, err)
	for name, role := range map[string]credentials.Role{"contour": credentials.Server, "envoy": credentials.Client} {
		w := workloads(build(t))[name]
		if !slices.ContainsFunc(w.template.Spec.Volumes, func(v corev1.Volume) bool {
			return v.Secret != nil && made[v.Secret.SecretName] != nil && v.Secret.SecretName == name+"-channel"
		}) {
			t.Errorf("%s mounts no Secret of certgen's", name)
		}
		s := made[name+"-channel"]
		if s == nil || again[s.Name] == nil || s.Kind != "Secret" || s.APIVersion != "v1" || s.Namespace != "contour" || s.Type != corev1.SecretTypeTLS {
			t.Errorf("%s has no Secret of type %s in its namespace", name, corev1.SecretTypeTLS)
			continue
		}
		for key, data := range s.Data {
			if bytes.Contains(data, authorityKey) || !bytes.Equal(data, again[s.Name].Data[key]) {
				t.Errorf("%s of %s holds the CA's key, or is another when asked again", key, s.Name)
			}
		}
		loadSecret(t, s, role)
	}
}

// loadSecret mounts a Secret and loads it as contour does, without a warning.
func loadSecret(t *testing.T, s *corev1.Secret, role credentials.Role) {
	t.Helper()
	dir := t.TempDir()
	for key, data := range s.Data {
		must(t, os.WriteFile(filepath.Join(dir, key), data, 0o600))
	}
	source := func(key string) credentials.Source {
		return credentials.Source{Setting: key, Path: filepath.Join(dir, key)}
	}
	var log bytes.Buffer
	set := credentials.FileSet{CA: source("ca.crt"), Cert: source(corev1.TLSCertKey), Key: source(corev1.TLSPrivateKeyKey)}
	_, err := credentials.Load(set, role, time.Now(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || log.Len() > 0 || len(s.Data) != 3 {
		t.Errorf("%s with %d keys: %v\n%s", s.Name, len(s.Data), err, log.String())
	}
}
