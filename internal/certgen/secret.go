package certgen

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// SecretConfig says what a Secret is called.
type SecretConfig struct{ Name, Namespace string }

// Secret is an identity as a Secret of Kubernetes, in YAML, of the type
// kubernetes.io/tls with the CA bundle beside the pair. It holds the private key,
// and nothing of the CA's.
func Secret(cfg SecretConfig, i *Identity) ([]byte, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	// Names are quoted: 123 and true would be no strings. Base64 needs no quotes.
	return fmt.Appendf(nil, manifest, cfg.Name, cfg.Namespace,
		encode(bundle(i.Roots)), encode(EncodeCertificates(i.Chain...)), encode(i.keyPEM)), nil
}

const manifest = `apiVersion: v1
kind: Secret
metadata:
  name: "%s"
  namespace: "%s"
type: kubernetes.io/tls
data:
  ca.crt: %s
  tls.crt: %s
  tls.key: %s
`

func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// Check follows RFC 1123 as Kubernetes does.
func (c SecretConfig) Check() error {
	if len(c.Name) > 253 || containsBadLabel(c.Name) {
		return fmt.Errorf("%q can't be the name of a Secret: small letters, digits, hyphens and dots, 253 at most", shorten(c.Name))
	}
	if badLabel(c.Namespace) {
		return fmt.Errorf("%q can't be the name of a namespace: small letters, digits and hyphens, 63 at most", shorten(c.Namespace))
	}
	return nil
}

func containsBadLabel(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		// Kubernetes bounds the whole name, and not each part of it.
		if label == "" || strings.Trim(label, "-") != label || !only(label, "-") {
			return true
		}
	}
	return false
}
