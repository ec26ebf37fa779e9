package e2e

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// A house is a contour with two groups of Envoys, under an access policy and with a
// revocation list. Each group has a listener over HTTPS, and a secret for it that the
// other group must not have; and a spare secret, which nothing of contour's refers to.
type house struct {
	*fixture
	c           *contour
	policy, crl string
	pairs       map[string]*certtest.Pair // by group, of the channel
	protocol    protocol
}

// The groups, which live under one roof.
const (
	edge  = "edge"
	inner = "inner"
)

func spiffeOf(group string) string { return "spiffe://example.org/ns/" + group }

// newHouse starts contour, with the default policy and an empty list.
func newHouse(t *testing.T, p protocol) *house {
	t.Helper()
	h := &house{fixture: newFixture(t), pairs: map[string]*certtest.Pair{}, protocol: p}
	h.policy, h.crl = filepath.Join(t.TempDir(), "policy.yaml"), filepath.Join(t.TempDir(), "crl.pem")
	for _, group := range []string{edge, inner} {
		u, err := url.Parse(spiffeOf(group))
		must(t, err)
		leaf := certtest.Client()
		leaf.URIs = []*url.URL{u}
		h.pairs[group] = h.ca.Issue(t, leaf)
		must(t, os.MkdirAll(filepath.Join(h.resources, "groups", group), 0o755))
		h.write(filepath.Join("groups", group, "secrets.yaml"), "resources:"+h.secret("cert-"+group)+h.secret("spare-"+group))
		h.say(group, "hello from "+group)
	}
	h.decide(ruleOf(edge, edge), ruleOf(inner, inner))
	h.revoke()
	return h
}

// start starts contour, with the policy and the lists unless args have it otherwise.
func (h *house) start(args ...string) {
	h.t.Helper()
	h.c = h.serve(args...)
}

func (h *house) guarded() []string {
	return []string{"--access-policy", h.policy, "--contour-crlfile", h.crl}
}

// ruleOf lets the Envoys of one group into another.
func ruleOf(group, into string) string {
	return fmt.Sprintf("- {name: %s, identities: [%q], groups: [%s]}", group, spiffeOf(group), into)
}

// decide puts a policy in force.
func (h *house) decide(rules ...string) {
	h.replace(h.policy, "rules:\n"+strings.Join(rules, "\n")+"\n")
}

// revoke puts a list in force, of the pairs of some groups.
func (h *house) revoke(groups ...string) {
	var list certtest.List
	for _, group := range groups {
		list.Revoked = append(list.Revoked, h.pairs[group].Chain[0])
	}
	h.replace(h.crl, string(h.ca.RevocationList(h.t, list)))
}

// replace replaces a file, as an operator is told to.
func (h *house) replace(path, text string) {
	h.t.Helper()
	certtest.WriteFile(h.t, path+".new", []byte(text))
	must(h.t, os.Rename(path+".new", path))
}

const secretYAML = `
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: %s
  tls_certificate:
    certificate_chain:
      inline_string: |
        %s
    private_key:
      inline_string: |
        %s
`

func (h *house) secret(name string) string {
	pair := h.web.Issue(h.t, certtest.Server())
	return fmt.Sprintf(secretYAML, name, indent(string(pair.CertPEM())), indent(string(pair.KeyPEM(h.t))))
}

// say changes what the listener of a group answers.
func (h *house) say(group, words string) {
	h.t.Helper()
	listener := strings.NewReplacer("NAME", "https", "WORDS", words, "SECRET", "cert-"+group, "SOURCE", h.protocol.source).Replace(houseListener)
	h.write(filepath.Join("groups", group, "listeners.yaml"), "resources:\n- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"+listener)
}

const houseListener = `  name: NAME
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: http
        route_config:
          virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "WORDS"}}}]}]
        http_filters:
        - name: envoy.filters.http.router
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
        common_tls_context:
          tls_certificate_sds_secret_configs: [{name: SECRET, sds_config: SOURCE}]
`

// envoy starts an Envoy with the certificate of one group that claims to be of another.
func (h *house) envoy(group, claims string, edit ...func(*bootstrapv3.Bootstrap)) *envoy.Envoy {
	h.t.Helper()
	files := certtest.WriteFiles(h.t, h.t.TempDir(), h.ca, h.pairs[group])
	path := h.bootstrap(h.c, files, "--xds-protocol", h.protocol.name, "--node-cluster", claims)
	retryQuickly(h.t, path)
	for _, e := range edit {
		editBootstrap(h.t, path, e)
	}
	return envoy.Start(h.t, path, envoy.Options{ComponentLogLevel: telling, Args: drainQuickly})
}

// listening adds a static listener that has its certificate from contour, and does not
// wait for it for long.
func (h *house) listening(name, secret string) func(*bootstrapv3.Bootstrap) {
	return func(b *bootstrapv3.Bootstrap) {
		h.t.Helper()
		source := strings.Replace(h.protocol.source, "{", "{initial_fetch_timeout: 1s, ", 1)
		text := strings.NewReplacer("NAME", name, "WORDS", "static", "SECRET", secret, "SOURCE", source).Replace(houseListener)
		data, err := yaml.YAMLToJSON([]byte(text))
		must(h.t, err)
		var listener listenerv3.Listener
		must(h.t, protojson.Unmarshal(data, &listener))
		b.StaticResources.Listeners = append(b.StaticResources.Listeners, &listener)
	}
}

// wantNoCertificate holds an Envoy to a listener that has nothing to show.
func (h *house) wantNoCertificate(e *envoy.Envoy, listener string) {
	h.t.Helper()
	var address string
	envoy.Eventually(h.t, deadline, listener+" is bound", func() (err error) {
		address, err = e.ListenerAddress(listener)
		return err
	})
	if cert, err := presented(address, h.web.Pool()); err == nil {
		h.t.Errorf("%s shows a certificate, of serial number %v", listener, cert.SerialNumber)
	}
}

// wantDenied waits until a denial is counted.
func (h *house) wantDenied(reason string) {
	h.t.Helper()
	envoy.Eventually(h.t, deadline, "a denial is counted as "+reason, func() error {
		n, err := h.c.metric("contour_xds_denied_total", "reason", reason)
		if err == nil && n == 0 {
			err = errors.New("none is")
		}
		return err
	})
}

// wantOneConnection holds an Envoy to the connection that it began with.
func wantOneConnection(t *testing.T, e *envoy.Envoy) {
	t.Helper()
	stats, err := e.Stats()
	must(t, err)
	if n, ended := stats["cluster.contour.upstream_cx_total"], stats["cluster.contour.upstream_cx_destroy"]; n != 1 || ended != 0 {
		t.Errorf("it made %d connections, of which %d ended", n, ended)
	}
}
