package certgen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Names are the subject alternative names by which peers know a certificate.
type Names struct {
	DNS  []string
	IPs  []net.IP
	URIs []*url.URL
}

// ParseNames takes names as openssl writes them: DNS:contour, IP:192.0.2.1,
// URI:spiffe://example.org/contour.
func ParseNames(list []string) (Names, error) {
	var names Names
	for _, item := range list {
		if err := names.add(strings.TrimSpace(item)); err != nil {
			return Names{}, err
		}
	}
	return names, names.check()
}

func (n *Names) add(item string) error {
	kind, value, found := strings.Cut(item, ":")
	if !found {
		kind = ""
	}
	switch strings.ToUpper(kind) {
	case "DNS":
		name, err := parseDNS(value)
		if err != nil {
			return fmt.Errorf("DNS name %q %w", value, err)
		}
		n.DNS = append(n.DNS, name)
	case "IP":
		addr, err := netip.ParseAddr(value)
		if err != nil || addr.Zone() != "" {
			return fmt.Errorf("address %q is no IP address such as 192.0.2.1 or 2001:db8::1", value)
		}
		n.IPs = append(n.IPs, addr.Unmap().AsSlice())
	case "URI":
		if strings.EqualFold(value, OperatorURI) {
			return fmt.Errorf("URI %q is an operator's, who may have Envoys come back; contour certgen ca rotate alone issues it, for its own use; leave it out", value)
		}
		id, err := ParseSPIFFEID(value)
		if err != nil {
			return err
		}
		n.URIs = append(n.URIs, id)
	default:
		return fmt.Errorf("name %q says not of which kind it is; write DNS:contour.example, IP:192.0.2.1 or URI:spiffe://example.org/contour", item)
	}
	return nil
}

func (n Names) check() error {
	switch {
	case len(n.DNS)+len(n.IPs)+len(n.URIs) == 0:
		return errors.New("it has no name to be known by; give one at least")
	case len(n.URIs) > 1:
		return errors.New("it has more than one SPIFFE ID; give one (X509-SVID, section 2)")
	}
	return nil
}

// List is the names as [ParseNames] takes them.
func (n Names) List() []string {
	var list []string
	for _, name := range n.DNS {
		list = append(list, "DNS:"+name)
	}
	for _, ip := range n.IPs {
		list = append(list, "IP:"+ip.String())
	}
	for _, uri := range n.URIs {
		list = append(list, "URI:"+uri.String())
	}
	return list
}

// parseDNS holds a name to the letters, digits and hyphens of RFC 1123 section 2.1.
// Small letters are the form in which peers compare them.
func parseDNS(name string) (string, error) {
	if _, err := netip.ParseAddr(name); err == nil {
		return "", errors.New("is an address; write IP: before it")
	}
	if strings.HasPrefix(name, "*") {
		return "", errors.New("is a wildcard; name each host")
	}
	name = strings.ToLower(name)
	if len(name) > 253 || slices.ContainsFunc(strings.Split(name, "."), badLabel) {
		return "", errors.New("is no host name: labels of letters, digits and hyphens, with dots between them (RFC 1123)")
	}
	return name, nil
}

func badLabel(label string) bool {
	return label == "" || len(label) > 63 || strings.Trim(label, "-") != label || !only(label, "-")
}

// only tells whether text is of small letters, digits and others alone.
func only(text, others string) bool {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return true
}

// maxCommonName is ub-common-name of RFC 5280, appendix A, in characters.
const maxCommonName = 64

func checkCommonName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("its name is empty; give one")
	case len([]rune(name)) > maxCommonName:
		return fmt.Errorf("its name %q is longer than %d characters (RFC 5280); give a shorter one", name, maxCommonName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("its name %q has characters that do not print; leave them out", name)
	}
	return nil
}
