package bench

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/contour-xds/contour/internal/access"
	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/identity"
)

// groupsOfIdentities is how many groups the identities are spread over.
const groupsOfIdentities = 100

// policyFile is in the folder of a server that has an access policy.
const policyFile = "policy.yaml"

// groupOf is the group of an identity, by its number.
func groupOf(number int) string { return fmt.Sprintf("group-%02d", number%groupsOfIdentities) }

func pairFolder(dir string, number int) string {
	return filepath.Join(dir, "identities", fmt.Sprint(number))
}

// writeIdentities adds so many identities to a folder: a certificate for each, a policy
// with a rule for each, which grants it a secret of its own besides, and the groups with
// something of their own.
func writeIdentities(b testing.TB, dir string, ca *certtest.CA, count int) {
	b.Helper()
	var policy, secrets strings.Builder
	policy.WriteString("rules:\n")
	secrets.WriteString("resources:\n")
	for i := range count {
		uri := &url.URL{Scheme: "spiffe", Host: "bench.example", Path: fmt.Sprintf("/envoy/%d", i)}
		leaf := certtest.Client()
		leaf.Key, leaf.DNSNames, leaf.URIs = certtest.ECDSA, nil, []*url.URL{uri}
		must(b, os.MkdirAll(pairFolder(dir, i), 0o700))
		certtest.WriteFiles(b, pairFolder(dir, i), ca, ca.Issue(b, leaf))
		fmt.Fprintf(&policy, "- {name: rule-%d, identities: [%q], groups: [%s], secrets: [secret-%d]}\n", i, uri, groupOf(i), i)
		fmt.Fprintf(&secrets, "- {\"@type\": %s, name: secret-%d, generic_secret: {secret: {inline_string: number %d}}}\n", secretURL, i, i)
	}
	certtest.WriteFile(b, filepath.Join(dir, policyFile), []byte(policy.String()))
	for _, folder := range []string{"resources", "changed"} {
		certtest.WriteFile(b, filepath.Join(dir, folder, "secrets.yaml"), []byte(secrets.String()))
		for i := range min(count, groupsOfIdentities) {
			group := filepath.Join(dir, folder, "groups", groupOf(i))
			must(b, os.MkdirAll(group, 0o700))
			certtest.WriteFile(b, filepath.Join(group, "own.yaml"),
				fmt.Appendf(nil, "resources: [{\"@type\": %s, name: own, layer: {number: %d}}]\n", runtimeURL, i))
		}
	}
}

// guard is that of the folder's policy, or nil where it has none. The caller closes it.
func (s serverSpec) guard(provider credentials.CredentialProvider, log *slog.Logger, registry prometheus.Registerer) (*access.Guard, error) {
	if _, err := os.Stat(s.path(policyFile)); err != nil {
		return nil, nil //nolint:nilerr,nilnil // a server without a policy
	}
	policy, err := files.NewLive(files.LiveConfig[*identity.Policy]{
		Setting: "-identities", Path: s.path(policyFile), What: "access policy", Name: "access_policy", Parse: identity.ParsePolicy, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	return access.New(access.Config{Provider: provider, Policy: policy, Logger: log, Registerer: registry}), nil
}

// loadIdentities makes a config of each identity's certificate.
func (c *crowd) loadIdentities() error {
	for i := range c.spec.Identities {
		dir := pairFolder(filepath.Dir(c.spec.Dir), i)
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		if err != nil {
			return err
		}
		config := c.config.Clone()
		config.Certificates = []tls.Certificate{pair}
		c.configs = append(c.configs, config)
	}
	return nil
}

// as is what a client of this number connects and says that it is.
func (c *crowd) as(number int) (config *tls.Config, group string) {
	if len(c.configs) == 0 {
		return c.config, nodeID
	}
	number %= len(c.configs)
	return c.configs[number], groupOf(number)
}
