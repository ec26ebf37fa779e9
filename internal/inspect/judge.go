package inspect

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/pemfile"
)

// side is the files of one side of the channel.
type side struct {
	cfg Config
	role
	files map[string]File
}

// verdicts says what each side would say.
func (s side) verdicts() []Verdict {
	certs := s.files[s.cert].certs
	if len(certs) == 0 {
		return s.ofAuthority()
	}
	leaf := certs[0]
	server, client := permits(leaf, x509.ExtKeyUsageServerAuth), permits(leaf, x509.ExtKeyUsageClientAuth)
	var all []Verdict
	if server || !client {
		all = append(all,
			s.load("contour serve", credentials.Server, "--contour-cafile", "--contour-mtls-cert", "--contour-mtls-key"),
			s.peer("Envoy, of contour's", x509.ExtKeyUsageServerAuth))
	}
	if client {
		all = append(all,
			s.load("contour bootstrap", credentials.Client, "--envoy-cafile", "--envoy-mtls-cert", "--envoy-mtls-key"),
			s.peer("contour serve, of Envoy's", x509.ExtKeyUsageClientAuth))
	}
	return all
}

// permits follows RFC 5280: without the extension every use is permitted.
func permits(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// ofAuthority judges a CA, with its key or without.
func (s side) ofAuthority() []Verdict {
	const who = "contour certgen"
	ca, key := s.files[s.ca], s.files[s.key]
	switch {
	case len(ca.certs) == 0:
		return []Verdict{{Who: "contour", Says: []string{"there is no certificate among these files"}}}
	case s.cfg.Now.After(ca.certs[0].NotAfter):
		return []Verdict{{Who: who, Says: []string{fmt.Sprintf("%q: the CA has expired; replace it", s.ca)}}}
	case key.key == nil:
		return []Verdict{{Who: who, Accepts: true, Says: []string{"it is a CA without its key: good to verify with, and not to sign"}}}
	}
	if err := pemfile.Fits(ca.certs[0], key.key); err != nil {
		return []Verdict{{Who: who, Says: []string{fmt.Sprintf("%q: %v (%q)", s.key, err, s.ca)}}}
	}
	return []Verdict{{Who: who, Accepts: true, Says: []string{"it is a CA with its key, which belongs on neither side of the channel"}}}
}

// load says what a command of contour would, in its own words: it does what that
// does.
func (s side) load(who string, role credentials.Role, ca, cert, key string) Verdict {
	v := Verdict{Who: who}
	var missing []string
	for setting, path := range map[string]string{ca: s.ca, cert: s.cert, key: s.key} {
		if path == "" {
			missing = append(missing, setting)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		v.Accepts = s.fits(&v)
		v.Says = append(v.Says, "there is no file for "+strings.Join(missing, " and ")+" among these")
		return v
	}
	var log bytes.Buffer
	set := credentials.FileSet{
		CA: credentials.Source{Setting: ca, Path: s.ca}, Cert: credentials.Source{Setting: cert, Path: s.cert},
		Key: credentials.Source{Setting: key, Path: s.key},
	}
	_, err := credentials.Load(set, role, s.cfg.Now, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})))
	if err != nil {
		v.Says = []string{err.Error()}
		return v
	}
	v.Accepts = true
	if text := strings.TrimSpace(log.String()); text != "" {
		v.Says = strings.Split(text, "\n")
	}
	return v
}

// fits checks what can be without a bundle.
func (s side) fits(v *Verdict) bool {
	if s.key == "" {
		return true
	}
	if err := pemfile.Fits(s.files[s.cert].certs[0], s.files[s.key].key); err != nil {
		v.Says = append(v.Says, fmt.Sprintf("%q: %v (%q)", s.key, err, s.cert))
		return false
	}
	return true
}

func withoutTime(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// peer says what the other side would, if it had the same bundle.
func (s side) peer(who string, usage x509.ExtKeyUsage) Verdict {
	v := Verdict{Who: who}
	if s.ca == "" {
		v.Accepts = true
		v.Says = []string{"unknown: there is no CA bundle among these files"}
		return v
	}
	err := s.verify(s, usage)
	if err == nil && usage == x509.ExtKeyUsageServerAuth {
		err = demand(s.files[s.cert].certs[0], s.cfg.ServerName)
	}
	v.Accepts = err == nil
	if err != nil {
		v.Says = []string{err.Error()}
	}
	return v
}

// verify holds the certificate of s to the bundle of a peer.
func (s side) verify(peer side, usage x509.ExtKeyUsage) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, cert := range peer.files[peer.ca].certs {
		if pemfile.IsAuthority(cert) {
			roots.AddCert(cert)
		}
	}
	chain := s.files[s.cert].certs
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: s.cfg.Now, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return fmt.Errorf("the CA bundle %q did not issue it, or an intermediate is missing: %w", peer.ca, err)
	}
	return err
}

// demand holds a server to the name that an Envoy was told to demand, which looks at
// nothing but subject alternative names.
func demand(leaf *x509.Certificate, name string) error {
	if ip := net.ParseIP(name); ip != nil {
		if slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
			return nil
		}
	} else if len(leaf.DNSNames) > 0 && leaf.VerifyHostname(name) == nil {
		return nil
	}
	return fmt.Errorf("it demands the name %q (contour bootstrap --xds-server-name), and the certificate has %s; issue one with that name, or have Envoy demand another",
		name, orNone(names(leaf)))
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
