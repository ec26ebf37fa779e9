package e2e

import (
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

func TestEveryKindOfKeyWorksOnBothSides(t *testing.T) { everyKindOfKey(t, envoy.Version) }

// everyKindOfKey has both sides use keys of one kind: what loads must also connect.
func everyKindOfKey(t *testing.T, version string) {
	kinds := map[string]certtest.KeyType{
		"ECDSA on P-256": certtest.ECDSA, "ECDSA on P-384": certtest.P384, "ECDSA on P-521": certtest.P521,
		"Ed25519": certtest.Ed25519, "RSA": certtest.RSA,
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.write("none.yaml", "resources: []")
			server, client := certtest.Server(), certtest.Client()
			server.Key, client.Key = kind, kind
			f.server, f.client = f.credentials(f.ca, server), f.credentials(f.ca, client)
			c := f.serve()
			envoy.Start(t, f.bootstrap(c, f.client), envoy.Options{Version: version})
			c.wantMetric(1, "contour_xds_streams", "service", "ads", "protocol", "delta")
		})
	}
}
