package certgen_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/contour-xds/contour/internal/certgen"
)

func TestParseNames(t *testing.T) {
	got := names(t, "DNS:Contour.Example", "dns:xn--bcher-kva.example", " IP:192.0.2.1", "IP:::ffff:192.0.2.2", "IP:2001:DB8::1", "URI:spiffe://example.org/ns/Contour")
	want := []string{
		"DNS:contour.example", "DNS:xn--bcher-kva.example", "IP:192.0.2.1", "IP:192.0.2.2", "IP:2001:db8::1", "URI:spiffe://example.org/ns/Contour",
	}
	if !slices.Equal(got.List(), want) {
		t.Errorf("got %q, want %q", got.List(), want)
	}
}

func TestParseNamesRefuses(t *testing.T) {
	rows := []struct{ name, item, says string }{
		{"a name without its kind", "contour", "write DNS:contour.example"},
		{"a kind that is not known", "email:a@b.example", "write DNS:contour.example"},
		{"an address without its kind", "2001:db8::1", "write DNS:contour.example"},
		{"an address as a DNS name", "DNS:127.0.0.1", "write IP: before it"},
		{"a wildcard", "DNS:*.example", "is a wildcard"},
		{"an empty DNS name", "DNS:", "is no host name"},
		{"a DNS name with an underscore", "DNS:a_b.example", "is no host name"},
		{"a DNS name that ends in a dot", "DNS:contour.example.", "is no host name"},
		{"a label that begins with a hyphen", "DNS:-a.example", "is no host name"},
		{"a label that is too long", "DNS:" + strings.Repeat("a", 64), "is no host name"},
		{"a DNS name that is too long", "DNS:" + strings.Repeat("a.", 127), "is no host name"},
		{"a DNS name in letters of its own", "DNS:bücher.example", "is no host name"},
		{"a host name as an address", "IP:localhost", "is no IP address"},
		{"an address with a zone", "IP:fe80::1%eth0", "is no IP address"},
		{"the name of an operator", "URI:" + certgen.OperatorURI, "contour certgen ca rotate alone issues it"},
		{"the name of an operator in capitals", "URI:" + strings.ToUpper(certgen.OperatorURI), "contour certgen ca rotate alone issues it"},
		{"a URI of another scheme", "URI:https://example.org/x", "does not begin with spiffe://"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := certgen.ParseNames([]string{"DNS:good", row.item})
			wantError(t, err, row.says)
		})
	}
	_, err := certgen.ParseNames([]string{"URI:spiffe://example.org/a", "URI:spiffe://example.org/b"})
	wantError(t, err, "more than one SPIFFE ID")
	_, err = certgen.ParseNames(nil)
	wantError(t, err, "no name to be known by")
}

var spiffeIDs = []string{
	"spiffe://example.org/ns/contour", "spiffe://a/b", "spiffe://a_b-c.d/E/f-g_h.i", "spiffe://example.org/..a",
	"", "spiffe://", "spiffe:///x", "spiffe://example.org", "spiffe://example.org/", "spiffe://example.org/a/", "spiffe://example.org//a",
	"spiffe://example.org/./a", "spiffe://example.org/../a", "spiffe://Example.org/a", "SPIFFE://example.org/a", "spiffe://example.org:80/a",
	"spiffe://user@example.org/a", "spiffe://example.org/a?b", "spiffe://example.org/a#b", "spiffe://example.org/%41", "spiffe://example.org/ä",
	"spiffe://example.org/\u212a", "spiffe://example.org/a b", "spiffe://example.org/a\n", "https://example.org/a",
	"spiffe://" + strings.Repeat("a", 255) + "/x", "spiffe://" + strings.Repeat("a", 256) + "/x",
	"spiffe://a/" + strings.Repeat("b", 2037), "spiffe://a/" + strings.Repeat("b", 2038),
}

// sameAsSPIFFE holds a text to the verdict of the SPIFFE project's own parser, which
// besides takes an ID without a path, and one of any length.
func sameAsSPIFFE(t *testing.T, text string) {
	id, theirs := spiffeid.FromString(text)
	got, ours := certgen.ParseSPIFFEID(text)
	good := theirs == nil && id.Path() != "" && len(id.TrustDomain().Name()) <= 255 && len(text) <= 2048
	if good != (ours == nil) {
		t.Errorf("%q: we say %v, SPIFFE's parser %v", text, ours, theirs)
	}
	if ours == nil && got.String() != id.String() {
		t.Errorf("%q is read as %s, and by SPIFFE's parser as %s", text, got, id)
	}
}

func TestSPIFFEIDsAreThoseOfTheStandard(t *testing.T) {
	for _, text := range spiffeIDs {
		sameAsSPIFFE(t, text)
	}
}

func FuzzParseSPIFFEID(f *testing.F) {
	for _, text := range spiffeIDs {
		f.Add(text)
	}
	f.Fuzz(sameAsSPIFFE)
}
