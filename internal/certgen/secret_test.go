package certgen_test

import (
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certgen"
)

// What Kubernetes' own types make of a Secret is tested in test/kubernetes.
func TestSecretRefusesNamesThatKubernetesWould(t *testing.T) {
	folder, _, _ := newFolder(t)
	envoy := identity(t, folder, "envoy")
	for _, cfg := range []certgen.SecretConfig{
		{Name: "", Namespace: "contour"},
		{Name: "Envoy", Namespace: "contour"},
		{Name: "envoy_channel", Namespace: "contour"},
		{Name: "envoy\"\ndata: {}", Namespace: "contour"},
		{Name: "-envoy", Namespace: "contour"},
		{Name: "a..b", Namespace: "contour"},
		{Name: strings.Repeat("a", 254), Namespace: "contour"},
		{Name: "envoy", Namespace: ""},
		{Name: "envoy", Namespace: "a.b"},
		{Name: "envoy", Namespace: strings.Repeat("a", 64)},
	} {
		if _, err := certgen.Secret(cfg, envoy); err == nil {
			t.Errorf("%q in %q is taken", cfg.Name, cfg.Namespace)
		}
	}
	for _, cfg := range []certgen.SecretConfig{{Name: "123", Namespace: "true"}, {Name: strings.Repeat("a", 253), Namespace: "a"}, {Name: "a.b-c", Namespace: "x"}} {
		if _, err := certgen.Secret(cfg, envoy); err != nil {
			t.Error(err)
		}
	}
}
