package resources

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/contour-xds/contour/internal/pemfile"
)

// The files in a folder of a secret, as a Secret of the type kubernetes.io/tls has
// them and as cert-manager writes it.
const (
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
	authorityFile   = "ca.crt"
	pairOrBundle    = "tls.crt and tls.key, or ca.crt"
)

// authoritySuffix makes the name of the validation context that stands beside a
// certificate. A Secret of Envoy holds the one or the other.
const authoritySuffix = "-ca"

// maxSecretBytes bounds a file of a secret. Kubernetes bounds a Secret by as much.
const maxSecretBytes = 1 << 20

func isSecretFile(name string) bool {
	return name == certificateFile || name == keyFile || name == authorityFile
}

// secretReader makes the resources of one folder of a secret.
type secretReader struct {
	unit *unit
	// dir is the folder's path as an error shows it.
	dir, name string
	// content is that of the files that are there, by name.
	content map[string][]byte
}

// newSecretUnit reads a folder of a secret. Its pair is held to what the channel's
// own is held to, but for its time: see the package's documentation.
func newSecretUnit(dir, name string, content map[string][]byte, earlier *Snapshot) *unit {
	s := secretReader{unit: &unit{complete: true}, dir: dir, name: name, content: content}
	s.read()
	s.unit.encode(earlier)
	return s.unit
}

func (s *secretReader) read() {
	certificate, key, authority := s.has(certificateFile), s.has(keyFile), s.has(authorityFile)
	switch {
	case certificate && key:
		s.add(certificateFile, s.name, s.pair())
	case certificate:
		s.add(certificateFile, s.name, nil)
		s.fail(certificateFile, "has no "+keyFile+" beside it: add the private key of its certificate")
	case key:
		s.add(keyFile, s.name, nil)
		s.fail(keyFile, "has no "+certificateFile+" beside it: add the certificate, with its intermediates behind it")
	case authority:
		s.add(authorityFile, s.name, s.authority())
		return
	default:
		s.unit.complete = false
		s.unit.found = append(s.unit.found, Finding{File: s.dir, Problem: "holds neither tls.crt and tls.key nor ca.crt: put them in, see whether the Secret is mounted, or remove the folder"})
		return
	}
	// cert-manager leaves it empty where it does not know the CA.
	if authority && len(bytes.TrimSpace(s.content[authorityFile])) > 0 {
		s.add(authorityFile, s.name+authoritySuffix, s.authority()).beside = true
	}
}

func (s *secretReader) has(file string) bool {
	_, ok := s.content[file]
	return ok
}

// add adds a resource. One without a message has its name all the same, so that one
// mistake is not reported as many.
func (s *secretReader) add(file, name string, message *tlsv3.Secret) *resource {
	r := &resource{kind: secretKind, file: filepath.Join(s.dir, file), name: name}
	if message != nil {
		message.Name = name
		r.message = message
	}
	s.unit.resources = append(s.unit.resources, r)
	return r
}

func (s *secretReader) at(file string) Finding {
	return Finding{File: filepath.Join(s.dir, file), Type: secretKind.Label, Resource: quoteName(s.name)}
}

func (s *secretReader) fail(file, problem string) {
	f := s.at(file)
	f.Problem = problem
	s.unit.found = append(s.unit.found, f)
}

// warn adds what holds at any time.
func (s *secretReader) warn(file, problem string) {
	f := s.at(file)
	f.Problem = problem
	s.unit.warnings = append(s.unit.warnings, warning{finding: f})
}

// certificates reads a file's certificates, and notes when each of them is valid, and
// what to do after that. It returns none where it has said what is wrong.
func (s *secretReader) certificates(file, remedy string) []*x509.Certificate {
	if len(s.content[file]) > maxSecretBytes {
		s.fail(file, "is larger than 1 MiB, and so can't be a file of certificates")
		return nil
	}
	certs, err := pemfile.Certificates(s.content[file])
	if err != nil {
		s.fail(file, err.Error())
		return nil
	}
	for i, cert := range certs {
		s.unit.warnings = append(s.unit.warnings, warning{
			finding: s.at(file), number: i + 1, notBefore: cert.NotBefore, notAfter: cert.NotAfter, remedy: remedy,
		})
	}
	return certs
}

func (s *secretReader) pair() *tlsv3.Secret {
	chain := s.certificates(certificateFile, "whoever checks it refuses it, so issue a new one")
	if len(s.content[keyFile]) > maxSecretBytes {
		s.fail(keyFile, "is larger than 1 MiB, and so can't be a private key")
		return nil
	}
	key, err := pemfile.Key(s.content[keyFile])
	if err != nil {
		s.fail(keyFile, err.Error())
	}
	if chain == nil || err != nil {
		return nil
	}
	if !s.fits(chain, key) {
		return nil
	}
	// Envoy shows a chain to whoever may read its configuration, so that nothing but
	// certificates goes into it, whatever else the file holds.
	return &tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: inline(encode(chain)), PrivateKey: inline(s.content[keyFile]),
	}}}
}

// fits reports whether the key is that of the chain's first certificate, and says what
// is wrong otherwise.
func (s *secretReader) fits(chain []*x509.Certificate, key crypto.Signer) bool {
	err := pemfile.Fits(chain[0], key)
	if err == nil {
		for i := 1; i < len(chain); i++ {
			if !bytes.Equal(chain[i-1].RawIssuer, chain[i].RawSubject) {
				s.warn(certificateFile, fmt.Sprintf("certificate %d did not issue the one before it, so that some peers refuse the chain: let each stand behind the one that it issued", i+1))
				break
			}
		}
		return true
	}
	for i, cert := range chain[1:] {
		if pemfile.Fits(cert, key) == nil {
			s.fail(certificateFile, fmt.Sprintf("has the certificate that %s belongs to in place %d: put it first, and its intermediates behind it", keyFile, i+2))
			return false
		}
	}
	s.fail(keyFile, err.Error()+" ("+certificateFile+")")
	return false
}

func (s *secretReader) authority() *tlsv3.Secret {
	bundle := s.certificates(authorityFile, "it vouches for nobody any more, so take it out")
	if bundle == nil {
		return nil
	}
	var none *pemfile.Error
	if _, err := pemfile.Key(s.content[authorityFile]); !errors.As(err, &none) || none.Kind != pemfile.NoKey {
		s.fail(authorityFile, "holds a private key, which Envoy would show to whoever may read its configuration: leave the certificates alone in it")
		return nil
	}
	others := 0
	for _, cert := range bundle {
		if !pemfile.IsAuthority(cert) {
			others++
		}
	}
	if others > 0 {
		s.warn(authorityFile, fmt.Sprintf("%d of its certificates are no CA (basic constraints CA:TRUE), and so vouch for no other one", others))
	}
	// As it stands, since Envoy takes the revocation lists in it as well.
	return &tlsv3.Secret{Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
		TrustedCa: inline(s.content[authorityFile]),
	}}}
}

// byteOrderMark is passed over where PEM is read, but not by Envoy.
var byteOrderMark = []byte("\xef\xbb\xbf")

func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: bytes.TrimPrefix(data, byteOrderMark)}}
}

func encode(chain []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, cert := range chain {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}) // a Buffer takes everything
	}
	return b.Bytes()
}
