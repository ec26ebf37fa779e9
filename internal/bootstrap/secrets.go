package bootstrap

import (
	"path/filepath"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// The secrets of the channel that Envoy follows while it runs. Each is the one
// resource of a file of its name, and Envoy's statistics have it too, as in
// sds.xds-certificate.key_rotation_failed.
const (
	CertificateSecret = "xds-certificate"
	TrustSecret       = "xds-trust"
)

// A Resource is a file of SDS, which Envoy reads beside its bootstrap and reads
// anew when it is replaced. It names credential files and holds no secret.
type Resource struct {
	// Path is the path by which the bootstrap names the file.
	Path string
	// Response is what the file holds, in the form in which a server would send it.
	Response *discoveryv3.DiscoveryResponse
}

// NewResources returns the files that the bootstrap of cfg refers to: none, unless
// cfg has a ResourcesDir. Its errors are those of [New].
//
// There is one for the key pair and one for the CA bundle, since they may be in
// folders of their own. Envoy loads what a secret names anew when something is moved
// into the folder that the secret has it watch: another file over one of them, or the
// ..data link of a mounted Secret.
func NewResources(cfg Config) ([]Resource, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.ResourcesDir == "" {
		return nil, nil
	}
	var all []Resource
	for _, secret := range []*tlsv3.Secret{certificateSecret(cfg.TLS), trustSecret(cfg.TLS)} {
		packed, err := packed(secret)
		if err != nil {
			return nil, err
		}
		all = append(all, Resource{
			Path:     cfg.resourcePath(secret.GetName()),
			Response: &discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed}},
		})
	}
	return all, nil
}

// certificateSecret names no folder for a certificate and a key that are in two: a
// secret has room for one, and without any, Envoy watches that of each file.
func certificateSecret(t *TLS) *tlsv3.Secret {
	pair := &tlsv3.TlsCertificate{CertificateChain: file(t.CertFile), PrivateKey: file(t.KeyFile)}
	if filepath.Dir(t.CertFile) == filepath.Dir(t.KeyFile) {
		pair.WatchedDirectory = watched(t.KeyFile)
	}
	return &tlsv3.Secret{Name: CertificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: pair}}
}

// trustSecret says which CA, and not whose name: that stands in the bootstrap, where
// nothing that changes later can take it away.
func trustSecret(t *TLS) *tlsv3.Secret {
	trust := &tlsv3.CertificateValidationContext{TrustedCa: file(t.CAFile), WatchedDirectory: watched(t.CAFile)}
	return &tlsv3.Secret{Name: TrustSecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: trust}}
}

// secretConfig refers to a secret's file. Envoy watches the file by itself, and would
// not see one that is a link, such as that of a mounted ConfigMap, get another target
// without the watch on the folder.
func (cfg Config) secretConfig(name string) *tlsv3.SdsSecretConfig {
	source := &corev3.PathConfigSource{
		Path:             cfg.resourcePath(name),
		WatchedDirectory: &corev3.WatchedDirectory{Path: cfg.ResourcesDir},
	}
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: source},
	}}
}

// resourcePath is that of a secret's file, which is JSON whatever the bootstrap is.
func (cfg Config) resourcePath(secret string) string {
	return filepath.Join(cfg.ResourcesDir, secret+".json")
}

func watched(path string) *corev3.WatchedDirectory {
	return &corev3.WatchedDirectory{Path: filepath.Dir(path)}
}
